//go:build !linux

package pgd

import "syscall"

func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

const canListUsers = false

// usersOf cannot know without /proc; PostgreSQL's own pid file then decides.
func usersOf(string) []int { return nil }
