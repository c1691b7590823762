// Comes in: a command line. Goes out: an exit code. Must not do anything but choose who runs the command.
package main

import (
	"fmt"
	"os"

	"clickstack.io/tests/cluster/lifecycle"
)

const usage = `usage: cluster COMMAND [ARGS]

lifecycle:   check  install  start  load  status  stop
components:  etcd  apiserver  controllers  scheduler  kubelet  proxy  dns
clients:     kubectl  helm  health
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	name := os.Args[1]
	if run, ok := lifecycle.Commands[name]; ok {
		os.Exit(run(os.Args[2:]))
	}
	run, ok := components[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "cluster: no command %q\n\n%s", name, usage)
		os.Exit(2)
	}
	if name == "kubectl" || name == "helm" {
		lifecycle.UseOwnKubeconfig()
	}
	os.Args = append([]string{name}, os.Args[2:]...)
	os.Exit(run())
}
