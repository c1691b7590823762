// Comes in: the machine. Goes out: what it lacks to run a cluster, as one message that says what to type.
// Must not change anything: install.go does.
package lifecycle

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// requirement is a package, and how to tell that what it brings is there, from whichever package.
type requirement struct {
	pack    string
	present func() bool
}

func requirements() []requirement {
	return []requirement{
		{"containerd", commands("containerd", "ctr")},
		{"runc", commands("runc")},
		{"containernetworking-plugins", func() bool { _, err := cniPlugins(); return err == nil }},
		{"iptables", commands("iptables")},
		{"conntrack", commands("conntrack")},
		{"iproute2", commands("ip")},
		{"buildah", commands("buildah")},
		{"busybox-static", hasStaticBusybox},
	}
}

func commands(names ...string) func() bool {
	return func() bool {
		for _, name := range names {
			if _, err := exec.LookPath(name); err != nil {
				return false
			}
		}
		return true
	}
}

// cniPlugins finds the folder of the CNI plugins: Debian's, or the one that upstream archives are unpacked to.
func cniPlugins() (string, error) {
	for _, folder := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		complete := true
		for _, plugin := range []string{"ptp", "host-local", "portmap", "loopback"} {
			_, err := os.Stat(filepath.Join(folder, plugin))
			complete = complete && err == nil
		}
		if complete {
			return folder, nil
		}
	}
	return "", errors.New("no folder has the CNI plugins ptp, host-local, portmap and loopback")
}

// hasStaticBusybox tells the static build from the ordinary one, which has the same name.
func hasStaticBusybox() bool {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return false
	}
	program, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer program.Close()
	return !slices.ContainsFunc(program.Progs, func(part *elf.Prog) bool { return part.Type == elf.PT_INTERP })
}

func missingPackages() []string {
	var missing []string
	for _, required := range requirements() {
		if !required.present() {
			missing = append(missing, required.pack)
		}
	}
	return missing
}

// unfit is a machine that cannot run a cluster as it is.
type unfit struct{ lacks string }

func (u unfit) Error() string { return u.lacks }

func checkMachine() error {
	var lacks []string
	if os.Geteuid() != 0 {
		lacks = append(lacks, "this must run as root: it makes namespaces, cgroups and network links")
	}
	if missing := missingPackages(); len(missing) > 0 {
		lacks = append(lacks, fmt.Sprintf("missing on this machine: %s; install with:\n  %s",
			strings.Join(missing, ", "), strings.Join(installLine(missing), " ")))
	}
	if len(lacks) == 0 {
		return nil
	}
	return unfit{strings.Join(lacks, "\n")}
}

func installLine(packages []string) []string {
	return append([]string{"apt-get", "install", "--yes", "--no-install-recommends"}, packages...)
}
