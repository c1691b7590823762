// Comes in: the nodes of a cluster. Goes out: a bridge on the host, and a cable and a route to each node.
// Must not write firewall rules: pods reach pods by routes, so the host needs none.
package lifecycle

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ip runs commands of iproute2 in one go and stops at the first that fails.
func ip(lines ...string) error {
	command := exec.Command("ip", "-batch", "-")
	command.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

func bridgeCommands() []string {
	return []string{
		"link add " + bridge + " type bridge",
		"addr add " + hostAddress + "/24 dev " + bridge,
		"link set " + bridge + " up",
	}
}

// cableCommands puts the far end into the network namespace of the process pid under the name eth0.
func cableCommands(n node, pid int) []string {
	return []string{
		fmt.Sprintf("link add %s type veth peer name eth0 netns %d", n.link(), pid),
		fmt.Sprintf("link set %s master %s up", n.link(), bridge),
		fmt.Sprintf("route replace %s via %s", n.podRange(), n.address()),
	}
}

// insideCommands routes to the other nodes' pods directly: by way of the host they would meet its firewall.
func insideCommands(n node, all []node) []string {
	lines := []string{
		"link set lo up",
		fmt.Sprintf("addr add %s/24 dev eth0", n.address()),
		"link set eth0 up",
		"route add default via " + hostAddress,
	}
	for _, other := range all {
		if other != n {
			lines = append(lines, fmt.Sprintf("route add %s via %s", other.podRange(), other.address()))
		}
	}
	return lines
}

// configureInside runs in the node, once the host has plugged the cable in.
func configureInside(ctx context.Context, n node, all []node) error {
	err := waitUntil(ctx, "the cable to the host", 20*time.Second, func(context.Context) error {
		_, err := net.InterfaceByName("eth0")
		return err
	})
	if err != nil {
		return err
	}
	if err := ip(insideCommands(n, all)...); err != nil {
		return fmt.Errorf("configure the node's network: %w", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the node forward packets: %w", err)
	}
	return nil
}

// removeLinks takes the routes along. The nodes' ends vanish some time after their namespaces do.
func removeLinks(ctx context.Context) error {
	return waitUntil(ctx, "removal of the network links", 15*time.Second, func(context.Context) error {
		links, err := net.Interfaces()
		if err != nil {
			return fmt.Errorf("list links: %w", err)
		}
		var left []string
		for _, link := range links {
			if isOwnLink(link.Name) {
				left = append(left, link.Name)
				_ = ip("link del " + link.Name) // The next look tells whether it worked.
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("left: %s", strings.Join(left, " "))
		}
		return nil
	})
}

func isOwnLink(name string) bool {
	if name == bridge {
		return true
	}
	for _, n := range firstNodes(maxNodes) {
		if name == n.link() {
			return true
		}
	}
	return false
}
