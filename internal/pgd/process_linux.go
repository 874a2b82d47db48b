package pgd

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
}

const canListUsers = true

// usersOf lists the PostgreSQL processes whose working directory is data. Zombies have none
// and are not listed.
func usersOf(data string) (pids []int) {
	dir, err := os.Stat(data)
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		exe, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe"))
		// A package upgrade under a running server leaves "… (deleted)".
		if err != nil || !strings.HasPrefix(filepath.Base(exe), "postgres") {
			continue
		}
		cwd, err := os.Stat(filepath.Join("/proc", e.Name(), "cwd"))
		if err == nil && os.SameFile(cwd, dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}
