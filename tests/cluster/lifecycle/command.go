// Comes in: the arguments of a lifecycle command. Goes out: its exit code; results on stdout, reasons on stderr.
// Must not do the work itself.
package lifecycle

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	exitFailed = 1
	exitUsage  = 2
	exitUnfit  = 3
)

// Commands are the subcommands that this package runs.
var Commands = map[string]func(args []string) int{
	"check":     func([]string) int { return report(checkMachine()) },
	"install":   func([]string) int { return report(install()) },
	"start":     runStart,
	"status":    runStatus,
	"load":      runLoad,
	"stop":      runStop,
	"node-init": runNodeInit,
}

type options struct {
	set   *flag.FlagSet
	dir   string
	nodes int
	node  int
}

// parse accepts flags before and after other arguments and returns the latter.
func parse(name string, args []string) (options, []string, error) {
	dir, err := defaultDir()
	if err != nil {
		return options{}, nil, err
	}
	o := options{set: flag.NewFlagSet("cluster "+name, flag.ContinueOnError)}
	o.set.StringVar(&o.dir, "dir", dir, "state folder")
	o.set.IntVar(&o.nodes, "nodes", 2, "number of nodes")
	if name == "node-init" {
		o.set.IntVar(&o.node, "node", 0, "number of this node")
	}
	var rest []string
	for len(args) > 0 {
		if err := o.set.Parse(args); err != nil {
			return o, nil, err
		}
		args = o.set.Args()
		for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	if o.nodes < 1 || o.nodes > maxNodes {
		return o, nil, fmt.Errorf("--nodes must be 1 to %d", maxNodes)
	}
	return o, rest, nil
}

func (o options) cluster() (*Cluster, error) { return openCluster(o.dir, o.nodes) }

// run parses, opens the cluster and calls act with a context that ends on Ctrl-C.
func run(name string, args []string, act func(context.Context, *Cluster, options, []string) error) int {
	o, rest, err := parse(name, args)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "cluster:", err)
		}
		return exitUsage
	}
	c, err := o.cluster()
	if err != nil {
		return report(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	return report(act(ctx, c, o, rest))
}

func runStart(args []string) int {
	return run("start", args, func(ctx context.Context, c *Cluster, _ options, _ []string) error {
		began := time.Now()
		if err := c.start(ctx); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "cluster of %d nodes ready after %.1f s\n", len(c.nodes), time.Since(began).Seconds())
		c.printExport()
		return nil
	})
}

func (c *Cluster) printExport() { fmt.Printf("export KUBECONFIG=%s\n", c.kubeconfig()) }

func runStatus(args []string) int {
	return run("status", args, func(ctx context.Context, c *Cluster, _ options, _ []string) error {
		c.nodes = firstNodes(c.finishedNodes())
		if len(c.nodes) == 0 || !c.isHealthy(ctx) {
			return errors.New("no healthy cluster is running")
		}
		c.printExport()
		return nil
	})
}

func runLoad(args []string) int {
	return run("load", args, func(ctx context.Context, c *Cluster, _ options, archives []string) error {
		c.nodes = firstNodes(c.finishedNodes())
		if len(c.nodes) == 0 {
			return errors.New("no cluster is running; begin with: cluster start")
		}
		return c.load(ctx, archives)
	})
}

func runStop(args []string) int {
	return run("stop", args, func(ctx context.Context, c *Cluster, _ options, _ []string) error {
		if os.Geteuid() != 0 {
			return unfit{"this must run as root: it removes namespaces, cgroups and network links"}
		}
		return c.stop(ctx)
	})
}

func runNodeInit(args []string) int {
	return run("node-init", args, func(_ context.Context, c *Cluster, o options, _ []string) error {
		if os.Getpid() != 1 || o.node < 1 || o.node > len(c.nodes) {
			return errors.New("node-init is the first process of a node and not for typing")
		}
		return c.nodeInit(node(o.node))
	})
}

func report(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "cluster:", err)
	var machine unfit
	if errors.As(err, &machine) {
		return exitUnfit
	}
	return exitFailed
}
