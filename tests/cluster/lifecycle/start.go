// Comes in: a machine in any state. Goes out: a running cluster, or the reason there is none and a clean machine.
// Must not disturb a cluster that is healthy already.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// launcher starts a program that must keep running, and returns its process.
type launcher func(part component, cloneFlags uintptr) (pid int, err error)

// start leaves logs, and nothing else, when it fails.
func (c *Cluster) start(ctx context.Context) error {
	release, err := lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	if c.isHealthy(ctx) {
		return nil
	}
	if err := checkMachine(); err != nil {
		return err
	}
	if err := c.refuseOthers(ctx); err != nil {
		return err
	}
	if err := c.clean(ctx, false); err != nil {
		return fmt.Errorf("clean up after an earlier start: %w", err)
	}
	failure := c.bringUp(ctx)
	if failure == nil {
		failure = c.markFinished()
	}
	if failure == nil {
		return nil
	}
	if ctx.Err() != nil {
		failure = errors.New("interrupted")
	}
	// The caller's Ctrl-C must not cut the cleaning short.
	if err := c.clean(context.WithoutCancel(ctx), true); err != nil {
		return fmt.Errorf("%w\nand then the cleaning failed too: %w", failure, err)
	}
	return failure
}

// isHealthy requires every program to run, not only the API to answer.
func (c *Cluster) isHealthy(ctx context.Context) bool {
	if c.finishedNodes() != len(c.nodes) {
		return false
	}
	names := []string{"etcd", "apiserver", "controllers", "scheduler", "dns"}
	for _, n := range c.nodes {
		names = append(names, n.name())
	}
	for _, name := range names {
		if _, running := c.runningPid(name); !running {
			return false
		}
	}
	api, err := c.client("admin")
	return err == nil && api.checkUsable(ctx, len(c.nodes)) == nil
}

// bringUp reports a program that ended rather than what failed because of it.
func (c *Cluster) bringUp(parent context.Context) error {
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	if err := c.prepare(); err != nil {
		return err
	}
	err := c.runAll(ctx, c.launchWatched(fail))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

func (c *Cluster) runAll(ctx context.Context, launch launcher) error {
	for _, part := range []component{c.etcd(), c.apiserver()} {
		if _, err := launch(part, 0); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := c.startNode(n, launch); err != nil {
			return err
		}
	}
	// The API server needs longer than this, so the images are there before the first pod is.
	if err := c.loadOwnImages(ctx); err != nil {
		return err
	}
	api, err := c.client("admin")
	if err != nil {
		return err
	}
	if err := api.waitReady(ctx); err != nil {
		return c.blame("apiserver", err)
	}
	for _, part := range []component{c.controllers(), c.scheduler(), c.dns()} {
		if _, err := launch(part, 0); err != nil {
			return err
		}
	}
	err = waitUntil(ctx, "a usable cluster", 90*time.Second, func(ctx context.Context) error {
		return api.checkUsable(ctx, len(c.nodes))
	})
	return c.blame(c.nodes[0].name()+"-kubelet", err)
}

// prepare writes every file and makes the host side of the network.
func (c *Cluster) prepare() error {
	plugins, err := cniPlugins()
	if err != nil {
		return err
	}
	steps := []func() error{
		saveSettings, c.writePKI, c.writeKubeconfigs, c.writeOwnImages, letHostForward,
		func() error {
			return writeFile(c.path("Corefile"), []byte(renderCorefile(c.componentKubeconfig("dns"))))
		},
		func() error { return ip(bridgeCommands()...) },
	}
	for _, n := range c.nodes {
		steps = append(steps, func() error { return c.writeNodeConfig(n, plugins) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// launchWatched ends the whole start as soon as a program that must run does not.
func (c *Cluster) launchWatched(fail context.CancelCauseFunc) launcher {
	return func(part component, cloneFlags uintptr) (int, error) {
		if cloneFlags == 0 {
			part.args = append([]string{part.name}, part.args...)
		}
		command, err := c.spawn(part, cloneFlags)
		if err != nil {
			return 0, err
		}
		go c.watch(part.name, command, fail)
		return command.Process.Pid, nil
	}
}

func (c *Cluster) watch(name string, command *exec.Cmd, fail context.CancelCauseFunc) {
	ended := command.Wait()
	fail(c.blame(name, fmt.Errorf("%s ended while the cluster started: %w", name, ended)))
}
