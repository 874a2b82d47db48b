package commands

import (
	"bufio"
	"regexp"
	"strings"
)

// Command is a command as shown to people.
type Command struct {
	File string
	Line int
	Text string // without a trailing comment
}

var (
	// ours matches the beginning of a command: variables, if any, and one of our programs.
	ours = regexp.MustCompile(`^((?:[A-Z_]+=\S+ )*(?:make|go|sed|(?:\.bin/)?(?:frontrow|frontrow-failpoints|nats)) \S.*)$`)
	span = regexp.MustCompile("`([^`]+)`")
)

// Read finds the commands of a Markdown file.
func Read(file, markdown string) (all []Command) {
	fenced, line := false, 0
	for s := bufio.NewScanner(strings.NewReader(markdown)); s.Scan(); {
		line++
		text := s.Text()
		switch {
		case strings.HasPrefix(text, "```"):
			fenced = !fenced
		case fenced:
			all = add(all, file, line, text)
		default:
			for _, found := range span.FindAllStringSubmatch(text, -1) {
				all = add(all, file, line, found[1])
			}
		}
	}
	return all
}

// Targets returns the commands listed by make help.
func Targets(help string) (all []Command) {
	for i, text := range strings.Split(strings.TrimSpace(help), "\n") {
		if words := strings.Fields(text); len(words) > 1 {
			all = add(all, "make help", i+1, words[0]+" "+words[1])
		}
	}
	return all
}

func add(all []Command, file string, line int, text string) []Command {
	text, _, _ = strings.Cut(text, " # ")
	if text = strings.TrimSpace(text); ours.MatchString(text) {
		all = append(all, Command{file, line, text})
	}
	return all
}
