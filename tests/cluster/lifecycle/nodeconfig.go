// Comes in: a cluster's paths and a node. Goes out: the files and command lines of what runs in the node.
// Must not run anything.
package lifecycle

import (
	"encoding/json"
	"fmt"
)

const (
	// Inside a node /run is its own, so the usual path is the node's.
	containerdSocket = "/run/containerd/containerd.sock"
	pauseImage       = "localhost/pause:1"
	busyboxImage     = "localhost/busybox:1"
)

func (c *Cluster) containerdArgs(n node) []string {
	return []string{"--config", c.nodePath(n, "containerd.toml")}
}

func (c *Cluster) kubelet(n node) component {
	return component{"kubelet", []string{
		"--config=" + c.nodePath(n, "kubelet.json"),
		"--kubeconfig=" + c.componentKubeconfig(n.name()),
		"--hostname-override=" + n.name(),
		"--node-ip=" + n.address(),
	}}
}

func (c *Cluster) proxy(n node) component {
	return component{"proxy", []string{
		"--kubeconfig=" + c.componentKubeconfig("proxy"),
		"--hostname-override=" + n.name(),
		"--proxy-mode=iptables",
		"--cluster-cidr=" + podNetwork,
		"--iptables-min-sync-period=100ms",
		// These are the whole machine's limits, not the node's.
		"--conntrack-max-per-core=0",
		"--conntrack-min=0",
	}}
}

// renderContainerd turns off what needs more rights than root in a container has (apparmor, oom scores).
func renderContainerd(root, cniConfig, cniPlugins string) string {
	return fmt.Sprintf(`version = 2
root = %q
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = %q

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = %q
disable_apparmor = true
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = %q
conf_dir = %q
`, root, containerdSocket, pauseImage, cniPlugins, cniConfig)
}

// renderCNI routes every pod over a link of its own: with a bridge, the answer of a Service on the same node
// would bypass the address translation unless the machine's br_netfilter were loaded.
func renderCNI(n node, dataDir string) ([]byte, error) {
	return renderJSON(map[string]any{
		"cniVersion": "0.4.0",
		"name":       "pods",
		"plugins": []any{
			map[string]any{
				"type": "ptp",
				"ipam": map[string]any{
					"type":    "host-local",
					"dataDir": dataDir,
					"ranges":  []any{[]any{map[string]string{"subnet": n.podRange()}}},
					"routes":  []any{map[string]string{"dst": "0.0.0.0/0"}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	})
}

func (c *Cluster) renderKubelet(n node) ([]byte, error) {
	return renderJSON(map[string]any{
		"apiVersion":               "kubelet.config.k8s.io/v1beta1",
		"kind":                     "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"volumePluginDir":          c.nodePath(n, "volume-plugins"),
		"authentication": map[string]any{
			"x509":      map[string]string{"clientCAFile": c.certificate("ca")},
			"webhook":   map[string]bool{"enabled": true},
			"anonymous": map[string]bool{"enabled": false},
		},
		"authorization":          map[string]string{"mode": "Webhook"},
		"tlsCertFile":            c.certificate(n.name()),
		"tlsPrivateKeyFile":      c.key(n.name()),
		"cgroupDriver":           "cgroupfs",
		"cgroupRoot":             n.cgroup(),
		"failCgroupV1":           false,
		"failSwapOn":             false,
		"enforceNodeAllocatable": []string{},
		"oomScoreAdj":            0,
		"clusterDNS":             []string{hostAddress},
		"clusterDomain":          "cluster.local",
		// The host's resolver is out of a pod's reach.
		"resolvConf":                "",
		"serializeImagePulls":       false,
		"registryPullQPS":           0,
		"eventRecordQPS":            0,
		"kubeAPIQPS":                200,
		"kubeAPIBurst":              400,
		"nodeStatusUpdateFrequency": "5s",
		"shutdownGracePeriod":       "0s",
		// Images are loaded by hand and cannot be pulled again.
		"imageGCHighThresholdPercent": 100,
		"evictionHard":                map[string]string{"memory.available": "100Mi"},
	})
}

func renderJSON(value any) ([]byte, error) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render a configuration: %w", err)
	}
	return append(body, '\n'), nil
}

func (c *Cluster) writeNodeConfig(n node, cniPlugins string) error {
	cni, err := renderCNI(n, c.nodePath(n, "ipam"))
	if err != nil {
		return err
	}
	kubelet, err := c.renderKubelet(n)
	if err != nil {
		return err
	}
	containerd := renderContainerd(c.nodePath(n, "containerd"), c.nodePath(n, "cni"), cniPlugins)
	files := map[string][]byte{
		c.nodePath(n, "cni", "10-pods.conflist"): cni,
		c.nodePath(n, "kubelet.json"):            kubelet,
		c.nodePath(n, "containerd.toml"):         []byte(containerd),
	}
	for path, body := range files {
		if err := writeFile(path, body); err != nil {
			return err
		}
	}
	return nil
}
