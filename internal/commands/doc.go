// Package commands reads the commands shown in README.md, CONTRIBUTING.md and docs/, and by
// make help. Its test runs each in the smallest form that still proves that it works.
//
// A command is a line of a fenced block, or a span of code, that begins with one of
// our programs and says more than its name. The table in the test has that form for each; a
// command without a row, or a row without a command, fails the test.
package commands
