// Comes in: image archives. Goes out: their images in the containerd of every node.
// Must not pull: nothing outside the machine is needed.
package lifecycle

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

const loadLimit = 2 * time.Minute

// load imports each archive into each node; an image that is there already is replaced.
func (c *Cluster) load(ctx context.Context, archives []string) error {
	for _, n := range c.nodes {
		socket, err := c.runtimeSocket(ctx, n)
		if err != nil {
			return c.blame(n.name(), err)
		}
		for _, archive := range archives {
			if err := importImage(ctx, socket, archive); err != nil {
				return fmt.Errorf("load %s into %s: %w", archive, n.name(), err)
			}
		}
	}
	return nil
}

func importImage(ctx context.Context, socket, archive string) error {
	bounded, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	command := exec.CommandContext(bounded, "ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", archive)
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
