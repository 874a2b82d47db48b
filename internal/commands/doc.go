// Package commands reads the commands that people are shown: in README.md,
// CONTRIBUTING.md and docs/, and by make help. Its test runs each in the smallest
// form that still shows that it works, so that what is shown is true.
//
// A command is a line of a fenced block, or a span of code, that begins with one of
// our programs and says more than its name. The table in the test says for each how
// small it may be; a command that no row knows, and a row that knows none, fail it.
package commands
