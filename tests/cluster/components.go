// Comes in: the name of a linked-in program and its arguments. Goes out: that program's exit code.
// Must not know of state folders, networks or nodes: package lifecycle does.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	helm "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"clickstack.io/tests/cluster/gitops"
)

// components maps a subcommand to the program it runs. Each reads its arguments from os.Args.
var components = map[string]func() int{
	"etcd":        runEtcd,
	"apiserver":   command(apiserver.NewAPIServerCommand),
	"controllers": command(controllers.NewControllerManagerCommand),
	"scheduler":   func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubelet":     func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
	"proxy":       command(proxy.NewProxyCommand),
	"dns":         runDNS,
	"kubectl":     command(kubectl.NewDefaultKubectlCommand),
	"helm":        runHelm,
	"health":      runHealth,
}

func command(build func() *cobra.Command) func() int {
	return func() int { return cli.Run(build()) }
}

func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}

// Only the plugins the Corefile names are linked: the stock list brings three cloud SDKs.
func runDNS() int {
	dnsserver.Directives = []string{"bind", "errors", "ready", "kubernetes"}
	coremain.Run()
	return 0
}

// The field manager is part of what a chart's user sees, so it must not follow this binary's name.
func runHelm() int {
	kube.ManagedFieldsManager = "helm"
	cmd, err := helm.NewRootCmd(os.Stdout, os.Args[1:], helm.SetupLogging)
	if err != nil {
		slog.Warn("command failed", "error", err)
		return 1
	}
	if err := cmd.Execute(); err != nil {
		var coded helm.CommandError
		if errors.As(err, &coded) {
			return coded.ExitCode
		}
		return 1
	}
	return 0
}

// Its one argument is the folder with the checks.
func runHealth() int {
	if len(os.Args) != 2 {
		slog.Error("usage: cluster health FOLDER < OBJECTS")
		return 2
	}
	if err := gitops.Run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		slog.Error("no verdict", "error", err)
		return 1
	}
	return 0
}
