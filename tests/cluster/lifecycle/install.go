// Comes in: a Debian or Ubuntu machine. Goes out: the packages a cluster needs, or a refusal that says why.
// Must not replace what is there: only what is missing is installed.
package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
)

func install() error {
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return checkMachine()
	}
	for _, line := range [][]string{{"apt-get", "update", "--quiet"}, installLine(missing)} {
		if err := runAPT(line); err != nil {
			return err
		}
	}
	if slices.Contains(missing, "containerd") {
		stopSystemContainerd()
	}
	return checkMachine()
}

func runAPT(line []string) error {
	command := exec.Command(line[0], line[1:]...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", line[0], line[1], err)
	}
	return nil
}

// stopSystemContainerd ends the service that the package just enabled; each node runs a containerd of its own.
func stopSystemContainerd() {
	_ = exec.Command("systemctl", "disable", "--now", "containerd.service").Run() // No systemd, no service.
}
