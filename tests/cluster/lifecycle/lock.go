// Comes in: the wish to change the machine's one cluster. Goes out: the right to, held by one process at a time.
// Must not leave anything behind: the kernel frees an abstract socket when its holder dies.
package lifecycle

import (
	"context"
	"fmt"
	"net"
	"time"
)

// The bridge and its addresses exist once per machine, so the lock does too.
const lockName = "@clickstack-test-cluster"

// lock waits longer than a start may take.
func lock(ctx context.Context) (release func(), err error) {
	var held net.Listener
	err = waitUntil(ctx, "another start or stop to finish", 3*time.Minute, func(context.Context) error {
		held, err = net.Listen("unix", lockName)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func() { held.Close() }, nil
}

// refuseOthers stops a second cluster from taking over the addresses of one that lives in another folder.
// A cluster whose folder was deleted has no owner any more and is ended.
func (c *Cluster) refuseOthers(ctx context.Context) error {
	found, err := markedProcesses()
	if err != nil {
		return err
	}
	for dir := range found {
		if dir == c.dir {
			continue
		}
		other := &Cluster{dir: dir, binary: c.binary}
		if other.exists() {
			return fmt.Errorf("a cluster of %s is running; end it with: %s stop --dir %s", dir, c.binary, dir)
		}
		if err := other.clean(ctx, false); err != nil {
			return fmt.Errorf("end the cluster of the deleted folder %s: %w", dir, err)
		}
	}
	return nil
}
