// Comes in: a command to run for a cluster, or a cluster to end. Goes out: marked processes, or none.
// Must not judge a process by its name: only the mark in its environment says whose it is.
package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mark is set on every process started here and inherited by what it starts. The kernel puts it in place at exec,
// so there is no moment at which a process runs unmarked, as there would be with a pid file.
const mark = "CLICKSTACK_TEST_CLUSTER"

// environment is fixed: a proxy or a kubeconfig of the caller's must not change what the cluster does.
func (c *Cluster) environment() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		mark + "=" + c.dir,
	}
}

// spawn starts a program of this binary in a session of its own, so that the caller's Ctrl-C does not reach it.
func (c *Cluster) spawn(part component, cloneFlags uintptr) (*exec.Cmd, error) {
	log, err := openLog(c.logPath(part.name))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(c.binary, part.args...)
	command.Env = c.environment()
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: cloneFlags}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", part.name, err)
	}
	pid := strconv.Itoa(command.Process.Pid)
	return command, writeFile(c.pidPath(part.name), []byte(pid))
}

func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the log folder: %w", err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return log, nil
}

// owner returns the state folder that a process environment is marked with.
func owner(environ []byte) (dir string, marked bool) {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if value, found := strings.CutPrefix(string(entry), mark+"="); found {
			return value, true
		}
	}
	return "", false
}

// markedProcesses returns the processes of each cluster on this machine, by state folder.
func markedProcesses() (map[string][]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	found := map[string][]int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err != nil {
			continue // It ended since the listing.
		}
		if dir, marked := owner(environ); marked {
			found[dir] = append(found[dir], pid)
		}
	}
	return found, nil
}

// runningPid returns the process that a component was started as, if it still lives and is this cluster's.
func (c *Cluster) runningPid(component string) (int, bool) {
	body, err := os.ReadFile(c.pidPath(component))
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(string(body))
	if err != nil {
		return 0, false
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return 0, false
	}
	dir, marked := owner(environ)
	return pid, marked && dir == c.dir
}

// killAll ends this cluster's processes. It looks again until there are none: one may be starting another.
// A process that is ending loses its environment, and with it the mark, before its mounts and namespaces: so what was
// killed is remembered until it has ended.
func (c *Cluster) killAll(ctx context.Context) error {
	killed := map[int]bool{}
	return waitUntil(ctx, "end of the cluster's processes", 30*time.Second, func(context.Context) error {
		found, err := markedProcesses()
		if err != nil {
			return err
		}
		for _, pid := range found[c.dir] {
			syscall.Kill(pid, syscall.SIGKILL)
			killed[pid] = true
		}
		for pid := range killed {
			if !hasEnded(pid) {
				return fmt.Errorf("%d processes were killed and one of them has not ended", len(killed))
			}
			delete(killed, pid)
		}
		return nil
	})
}

// hasEnded tells whether the kernel has taken back the process's memory, mounts and namespaces.
func hasEnded(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// The state follows the command's name, which may itself hold brackets and spaces.
	_, rest, found := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" "))
	return found && (rest[0] == 'Z' || rest[0] == 'X')
}
