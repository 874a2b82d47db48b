package pgd

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// fallbackRoot holds directories that the system user cannot reach where they were
// requested.
const fallbackRoot = "/var/lib/frontrow"

const installHint = "install the package postgresql (Debian, Ubuntu: apt-get install postgresql), or give a DSN"

// runAs returns the system user that PostgreSQL runs as, nil for our own.
func runAs() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := osuser.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w: running as root needs the system user postgres: %v; %s", ErrNotInstalled, err, installHint)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// findBinaries returns the directory of initdb and postgres: of the version that made the
// cluster in data, or of the highest installed if there is none yet.
func findBinaries(data string) (string, error) {
	wanted := ""
	if v, err := os.ReadFile(filepath.Join(data, "PG_VERSION")); err == nil {
		wanted = strings.TrimSpace(string(v))
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(initdb string) string { return filepath.Base(filepath.Dir(filepath.Dir(initdb))) }
	slices.SortFunc(found, func(a, b string) int {
		x, _ := strconv.ParseFloat(version(a), 64) // "9.6" was the last of its kind
		y, _ := strconv.ParseFloat(version(b), 64)
		return cmp.Compare(y, x)
	})
	for _, initdb := range found {
		if wanted == "" || version(initdb) == wanted {
			return filepath.Dir(initdb), nil
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	if wanted != "" {
		return "", fmt.Errorf("%w in version %s, which made the directory; %s", ErrNotInstalled, wanted, installHint)
	}
	return "", fmt.Errorf("%w; %s", ErrNotInstalled, installHint)
}

// place makes the directory and returns its real path, which who can use.
func place(dir string, who *syscall.Credential) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if who == nil {
		return dir, os.MkdirAll(dir, 0o700)
	}
	real := dir
	if linked, err := os.Readlink(dir); err == nil {
		real = linked
		if !filepath.IsAbs(real) {
			real = filepath.Join(filepath.Dir(dir), real)
		}
	}
	open, err := reaches(who, filepath.Dir(real))
	if err != nil {
		return "", err
	}
	if !open {
		sum := sha256.Sum256([]byte(dir))
		real = filepath.Join(fallbackRoot, hex.EncodeToString(sum[:6]))
		if err := link(dir, real); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(real, 0o700); err != nil {
		return "", err
	}
	return real, os.Chown(real, int(who.Uid), int(who.Gid))
}

// link makes dir a symbolic link to real. Only an empty directory gives way.
func link(dir, real string) error {
	if err := os.MkdirAll(fallbackRoot, 0o755); err != nil {
		return err
	}
	err := os.Remove(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("user postgres cannot reach it, and it cannot give way to a link: %w", err)
	}
	return os.Symlink(real, dir)
}

// reaches reports whether who may pass through dir and all above it, by their
// permission bits.
func reaches(who *syscall.Credential, dir string) (bool, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false, err
	}
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false, err
		}
		owner := info.Sys().(*syscall.Stat_t)
		pass := fs.FileMode(0o001)
		switch {
		case owner.Uid == who.Uid:
			pass = 0o100
		case owner.Gid == who.Gid:
			pass = 0o010
		}
		if info.Mode()&pass == 0 {
			return false, nil
		}
		if dir == filepath.Dir(dir) {
			return true, nil
		}
		dir = filepath.Dir(dir)
	}
}

// lockDir claims dir for this process until the file is closed or the process dies.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// password returns the superuser's password, which it makes at the first start.
func password(dir string, who *syscall.Credential) (string, error) {
	path := filepath.Join(dir, "password")
	kept, err := os.ReadFile(path)
	if err == nil && len(kept) > 0 {
		return string(kept), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	secret := rand.Text()
	// A crash between making and filling it leaves an empty file; initdb has
	// not run then.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return "", err
	}
	if who != nil {
		err = f.Chown(int(who.Uid), int(who.Gid))
	}
	if err == nil {
		_, err = f.WriteString(secret)
	}
	if err == nil {
		err = f.Sync()
	}
	return secret, errors.Join(err, f.Close())
}

// initialise makes the cluster unless it exists. It exists completely or not at all: initdb
// works beside it and the result is renamed.
func initialise(ctx context.Context, bin, dir string, who *syscall.Credential, noSync bool) error {
	return once(dir, noSync, func(fresh string) error {
		args := []string{
			"-D", fresh, "-U", user, "--pwfile", filepath.Join(dir, "password"),
			"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--data-checksums",
		}
		if noSync {
			args = append(args, "--no-sync")
		}
		return tool(ctx, filepath.Join(bin, "initdb"), args, dir, who)
	})
}

// follow makes a copy of the primary that keeps following it, unless it exists, and returns
// the password, which is the primary's.
func follow(ctx context.Context, bin, dir string, who *syscall.Credential, primary string) (string, error) {
	u, err := url.Parse(primary)
	if err != nil {
		return "", fmt.Errorf("primary: %w", err)
	}
	secret, _ := u.User.Password()
	return secret, once(dir, true, func(fresh string) error {
		args := []string{"-D", fresh, "-d", primary, "-X", "stream", "-c", "fast", "-R", "--no-sync"}
		return tool(ctx, filepath.Join(bin, "pg_basebackup"), args, dir, who)
	})
}

// once calls fill to make the cluster's directory, unless it exists.
func once(dir string, noSync bool, fill func(fresh string) error) error {
	data, fresh := filepath.Join(dir, "data"), filepath.Join(dir, "data.new")
	if _, err := os.Stat(data); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := fill(fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, data); err != nil || noSync {
		return err
	}
	return syncDir(dir)
}

// tool runs a program of PostgreSQL to its end.
func tool(ctx context.Context, path string, args []string, dir string, who *syscall.Credential) error {
	// The child gets its death signal when this thread ends; see launch.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := command(ctx, path, args, dir, who)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(path), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// syncDir makes the names in dir, the password's among them, durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
