// Comes in: fresh namespaces, this process the first in them. Goes out: containerd, kubelet and kube-proxy.
// Must not outlive any of them: a node that lacks one is no node, and its end is what the host sees.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// nodeInit runs until one of the node's programs ends, and says which and why.
func (c *Cluster) nodeInit(n node) error {
	ctx := context.Background()
	if err := c.mountPrivate(n); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(n.name())); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := configureInside(ctx, n, c.nodes); err != nil {
		return err
	}
	programs := map[int]string{}
	if err := c.launchInside(n, "containerd", "containerd", c.containerdArgs(n), programs); err != nil {
		return err
	}
	err := waitUntil(ctx, "containerd", 30*time.Second, func(context.Context) error {
		connection, err := net.Dial("unix", containerdSocket)
		if err == nil {
			connection.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	api, err := c.client(n.name())
	if err != nil {
		return err
	}
	if err := api.waitReady(ctx); err != nil {
		return err
	}
	for _, part := range []component{c.kubelet(n), c.proxy(n)} {
		args := append([]string{part.name}, part.args...)
		if err := c.launchInside(n, part.name, c.binary, args, programs); err != nil {
			return err
		}
	}
	return c.reap(n, programs)
}

// mountPrivate ends with a shared root, which pods with mount propagation need.
func (c *Cluster) mountPrivate(n node) error {
	type mount struct {
		source, target, kind string
		flags                uintptr
	}
	mounts := []mount{
		{"none", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		// A /run of its own keeps shim sockets, pod network namespaces and firewall locks in the node.
		{"tmpfs", "/run", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV},
	}
	for _, folder := range privateFolders {
		mounts = append(mounts, mount{c.nodePath(n, folder), folder, "", syscall.MS_BIND})
	}
	mounts = append(mounts, mount{"none", "/", "", syscall.MS_REC | syscall.MS_SHARED})
	for _, m := range mounts {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
		}
	}
	return nil
}

func (c *Cluster) launchInside(n node, name, program string, args []string, programs map[int]string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("find %s: %w", program, err)
	}
	log, err := openLog(c.logPath(n.name() + "-" + name))
	if err != nil {
		return err
	}
	defer log.Close()
	input, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("open the null device: %w", err)
	}
	defer input.Close()
	process, err := os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{input, log, log},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	programs[process.Pid] = name
	return nil
}

// reap collects every process that ends: those without a parent left in the node are this one's to collect.
func (c *Cluster) reap(n node, programs map[int]string) error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for the node's programs: %w", err)
		}
		if name, known := programs[pid]; known {
			tail := logTail(c.logPath(n.name() + "-" + name))
			return fmt.Errorf("%s ended (exit code %d, signal %d); the end of its log:\n%s",
				name, status.ExitStatus(), status.Signal(), tail)
		}
	}
}
