// Comes in: a cluster in any state, also half-way started or with its folder gone. Goes out: a clean machine.
// Must not end a process that is not this cluster's.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
)

func (c *Cluster) stop(ctx context.Context) error {
	release, err := lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	found, err := markedProcesses()
	if err != nil {
		return err
	}
	// The bridge and the cgroups are named alike for every cluster: they are another's if only another runs.
	if len(found) > 0 && len(found[c.dir]) == 0 {
		return c.removeState(false)
	}
	return c.clean(ctx, false)
}

// clean goes on after a failure: what can be removed is.
func (c *Cluster) clean(ctx context.Context, keepLogs bool) error {
	if err := c.killAll(ctx); err != nil {
		return err
	}
	failures := []error{removeLinks(ctx), removeCgroups(ctx)}
	restoreSettings()
	removeMountPoints()
	failures = append(failures, c.removeState(keepLogs))
	return errors.Join(failures...)
}

func (c *Cluster) exists() bool {
	_, err := os.Stat(c.dir)
	return err == nil
}

// removeState deletes only what a start may have written, in case --dir names a folder that holds more.
func (c *Cluster) removeState(keepLogs bool) error {
	names := []string{"finished.json", "etcd", "pki", "pid", "images", "Corefile", "kubeconfig"}
	for _, n := range firstNodes(maxNodes) {
		names = append(names, n.name())
	}
	if !keepLogs {
		names = append(names, "log")
	}
	for _, name := range names {
		if err := os.RemoveAll(c.path(name)); err != nil {
			return fmt.Errorf("remove the state: %w", err)
		}
	}
	_ = os.Remove(c.dir) // Not empty when logs are kept.
	return nil
}
