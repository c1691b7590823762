// Comes in: a node's number. Goes out: every name and address of the cluster, stated once.
// Must not touch the machine.
package lifecycle

import (
	"fmt"
	"net"
)

const (
	bridge       = "cs0"
	hostAddress  = "10.77.0.1"
	podNetwork   = "10.78.0.0/16"
	serviceRange = "10.96.0.0/16"
	apiPort      = "6443"
	dnsReadyPort = "8181"
	// apiService is the first address of serviceRange: Kubernetes gives it to its own Service.
	apiService = "10.96.0.1"
	// controlAddress keeps what only the host may reach off the addresses that other programs use.
	controlAddress = "127.77.0.1"
	maxNodes       = 9
)

// node is one machine of the cluster, counted from 1.
type node int

func (n node) name() string     { return fmt.Sprintf("node-%d", n) }
func (n node) address() string  { return fmt.Sprintf("10.77.0.%d", 10+int(n)) }
func (n node) podRange() string { return fmt.Sprintf("10.78.%d.0/24", n) }

// link is the host's end of the cable between the bridge and the node.
func (n node) link() string { return "v" + n.name() }

// cgroup is the node's place below every cgroup hierarchy.
func (n node) cgroup() string { return "/" + bridge + "/" + n.name() }

func firstNodes(count int) []node {
	nodes := make([]node, count)
	for i := range nodes {
		nodes[i] = node(i + 1)
	}
	return nodes
}

func apiURL() string { return "https://" + net.JoinHostPort(hostAddress, apiPort) }
