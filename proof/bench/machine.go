package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontrow/proof/bench/report"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	fsyncs    = 200
	fsyncSize = 4 << 10
)

// describe measures the disk under dir and asks the programs for their versions.
func describe(dir string) (report.Machine, error) {
	m := report.Machine{Cores: runtime.NumCPU(), Processor: processor(), Memory: memory(), Go: runtime.Version(), NATS: server.VERSION, Redis: "-", Postgres: "-",
		Version: version(), Date: time.Now().UTC().Format(time.DateOnly)}
	load, _ := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(load)); len(f) > 3 {
		m.Load = strings.Join(f[:3], " ")
	}
	if out, err := exec.Command("redis-server", "--version").Output(); err == nil {
		for _, f := range strings.Fields(string(out)) {
			if v, ok := strings.CutPrefix(f, "v="); ok {
				m.Redis = v
			}
		}
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 {
		if out, err := exec.Command(slices.Max(found), "--version").Output(); err == nil {
			m.Postgres = strings.ReplaceAll(strings.TrimSpace(string(out)), "postgres (PostgreSQL)", "PostgreSQL")
		}
	}
	var err error
	m.FsyncMS, err = fsyncTime(dir)
	return m, err
}

// processor is the name of the first core's model.
func processor() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(raw), "model name")
	name, _, _ := strings.Cut(rest, "\n")
	return strings.TrimLeft(name, "\t :")
}

// memory is the machine's in GiB.
func memory() float64 {
	raw, _ := os.ReadFile("/proc/meminfo")
	var kib float64
	_, _ = fmt.Sscanf(string(raw), "MemTotal: %f kB", &kib)
	return kib / (1 << 20)
}

// version is the commit that is measured, marked if the sources differ from it.
func version() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// fsyncTime is the median time to append 4 KiB to a file and have it on disk.
func fsyncTime(dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, fsyncSize)
	var took []float64
	for range fsyncs {
		from := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(from))/float64(time.Millisecond))
	}
	return report.Median(took), nil
}

// meter tells how busy the others on this machine were.
type meter struct {
	at         time.Time
	busy, ours float64 // CPU seconds
}

func startMeter() meter { return meter{time.Now(), busySeconds(), ourSeconds()} }

// others is how many cores neither we nor our children used, on average.
func (m meter) others() float64 {
	now := startMeter()
	return max(0, ((now.busy-m.busy)-(now.ours-m.ours))/now.at.Sub(m.at).Seconds())
}

const clockTick = 100 // USER_HZ, the unit of /proc, is 100 on every Linux that Go runs on

func busySeconds() float64 {
	raw, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(raw), "\n")
	var sum float64
	for i, f := range strings.Fields(line) {
		v, _ := strconv.ParseFloat(f, 64)
		if idle := i == 4 || i == 5; i > 0 && i < 9 && !idle {
			sum += v
		}
	}
	return sum / clockTick
}

// ourSeconds sums up this process and its descendants, ended ones included.
func ourSeconds() float64 {
	type process struct {
		parent int
		ticks  float64
	}
	all := map[int]process{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		s := string(raw)
		f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:]) // f[0] is field 3, the state
		if len(f) < 15 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		p := process{}
		p.parent, _ = strconv.Atoi(f[1])
		for _, ticks := range f[11:15] { // utime, stime, and those of ended children
			v, _ := strconv.ParseFloat(ticks, 64)
			p.ticks += v
		}
		all[pid] = p
	}
	var sum float64
	for pid, p := range all {
		for up := pid; up > 1; up = all[up].parent {
			if up == os.Getpid() {
				sum += p.ticks
				break
			}
		}
	}
	return sum / clockTick
}
