// Comes in: a running host side. Goes out: one process per node, the first of its own network, mount and PID
// namespaces, whose end is the end of everything in the node.
// Must not do what can be done from inside the node: nodeinit.go does that.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

const nodeNamespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS

// privateFolders are paths that programs fix and that each node must have for itself. Nodes that shared /var/log
// would read each other's pod logs.
var privateFolders = []string{"/var/log", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/clickstack"}

func (c *Cluster) startNode(n node, launch launcher) error {
	if err := makeCgroup(n); err != nil {
		return fmt.Errorf("prepare %s: %w", n.name(), err)
	}
	for _, folder := range privateFolders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("make the mount point %s: %w", folder, err)
		}
		if err := os.MkdirAll(c.nodePath(n, folder), 0o755); err != nil {
			return fmt.Errorf("make the node's %s: %w", folder, err)
		}
	}
	first := component{n.name(), []string{
		"node-init", "--dir", c.dir, "--node", strconv.Itoa(int(n)), "--nodes", strconv.Itoa(len(c.nodes)),
	}}
	pid, err := launch(first, nodeNamespaces)
	if err != nil {
		return err
	}
	if err := ip(cableCommands(n, pid)...); err != nil {
		return fmt.Errorf("connect %s: %w", n.name(), err)
	}
	return nil
}

// removeMountPoints takes away what startNode may have made on the host, unless something else uses it.
func removeMountPoints() {
	for _, folder := range privateFolders {
		_ = os.Remove(folder)
	}
}

// runtimeSocket is the node's containerd as the host can reach it: by way of the node's own root.
func (c *Cluster) runtimeSocket(ctx context.Context, n node) (string, error) {
	var socket string
	err := waitUntil(ctx, "containerd of "+n.name(), 30*time.Second, func(context.Context) error {
		pid, running := c.runningPid(n.name())
		if !running {
			return errors.New("the node is not running")
		}
		socket = fmt.Sprintf("/proc/%d/root%s", pid, containerdSocket)
		info, err := os.Stat(socket)
		if err != nil {
			return err
		}
		if info.Mode().Type() != fs.ModeSocket {
			return errors.New("no socket yet")
		}
		return nil
	})
	return socket, err
}
