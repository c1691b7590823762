// Comes in: a cluster's paths. Goes out: the command line of each program that runs on the host.
// Must not run them.
package lifecycle

import "fmt"

// component is a program of this binary and its arguments.
type component struct {
	name string
	args []string
}

func (c *Cluster) etcd() component {
	client, peer := "http://"+controlAddress+":2379", "http://"+controlAddress+":2380"
	return component{"etcd", []string{
		"--name=etcd",
		"--data-dir=" + c.path("etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=etcd=" + peer,
		// The data does not outlive the cluster, so it need not survive a power cut.
		"--unsafe-no-fsync",
		"--log-level=warn",
	}}
}

func (c *Cluster) apiserver() component {
	return component{"apiserver", []string{
		"--etcd-servers=http://" + controlAddress + ":2379",
		"--bind-address=" + hostAddress,
		"--advertise-address=" + hostAddress,
		"--secure-port=" + apiPort,
		"--service-cluster-ip-range=" + serviceRange,
		"--cert-dir=" + c.path("pki"),
		"--client-ca-file=" + c.certificate("ca"),
		"--tls-cert-file=" + c.certificate("apiserver"),
		"--tls-private-key-file=" + c.key("apiserver"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.key("service-accounts"),
		"--service-account-signing-key-file=" + c.key("service-accounts"),
		"--kubelet-certificate-authority=" + c.certificate("ca"),
		"--kubelet-client-certificate=" + c.certificate("kubelet-client"),
		"--kubelet-client-key=" + c.key("kubelet-client"),
		// The host's resolver does not know the nodes' names.
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		// The host has routes to pods but no kube-proxy: webhooks are called on the pod's address.
		"--enable-aggregator-routing=true",
		"--allow-privileged=true",
		"--profiling=false",
	}}
}

func (c *Cluster) controllers() component {
	return component{"controllers", []string{
		"--kubeconfig=" + c.componentKubeconfig("controllers"),
		"--bind-address=" + controlAddress,
		"--cert-dir=" + c.path("pki", "controllers"),
		"--root-ca-file=" + c.certificate("ca"),
		"--service-account-private-key-file=" + c.key("service-accounts"),
		"--use-service-account-credentials",
		"--leader-elect=false",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		"--concurrent-deployment-syncs=10",
		"--concurrent-endpoint-syncs=10",
		"--concurrent-service-endpoint-syncs=10",
		"--concurrent-namespace-syncs=20",
		"--concurrent-gc-syncs=20",
		"--profiling=false",
	}}
}

func (c *Cluster) scheduler() component {
	return component{"scheduler", []string{
		"--kubeconfig=" + c.componentKubeconfig("scheduler"),
		"--bind-address=" + controlAddress,
		"--cert-dir=" + c.path("pki", "scheduler"),
		"--leader-elect=false",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}}
}

func (c *Cluster) dns() component {
	return component{"dns", []string{"-conf", c.path("Corefile")}}
}

// renderCorefile answers for the cluster only: nothing outside can be reached from a test.
func renderCorefile(kubeconfig string) string {
	return fmt.Sprintf(`.:53 {
    bind %[1]s
    errors
    ready %[1]s:%[2]s
    kubernetes cluster.local in-addr.arpa {
        kubeconfig %[3]q
        ttl 5
    }
}
`, hostAddress, dnsReadyPort, kubeconfig)
}
