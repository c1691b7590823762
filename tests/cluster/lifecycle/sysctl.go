// Comes in: the kernel settings that a cluster changes for the whole machine. Goes out: their old values at the end.
// Must not set anything but what the host itself needs: kubelets set theirs.
package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The kubelet sets all but the first when it starts, whatever namespaces it runs in.
var changedSettings = []string{
	"net/ipv4/ip_forward",
	"vm/overcommit_memory",
	"vm/panic_on_oom",
	"kernel/panic",
	"kernel/panic_on_oops",
	"kernel/keys/root_maxkeys",
	"kernel/keys/root_maxbytes",
}

// savedSettings lives as long as the settings do, until the next boot, and not in the state folder: someone may
// delete that by hand.
const savedSettings = "/run/clickstack-test-cluster-sysctl.json"

// saveSettings keeps a file that is there: it holds the values from before an earlier cluster.
func saveSettings() error {
	if _, err := os.Stat(savedSettings); err == nil {
		return nil
	}
	old := map[string]string{}
	for _, name := range changedSettings {
		value, err := os.ReadFile(filepath.Join("/proc/sys", name))
		if err != nil {
			continue // The kernel was built without it.
		}
		old[name] = string(value)
	}
	body, err := json.Marshal(old)
	if err != nil {
		return fmt.Errorf("render kernel settings: %w", err)
	}
	return writeFile(savedSettings, body)
}

// restoreSettings does what it can: the file is missing when a start did not get that far.
func restoreSettings() {
	body, err := os.ReadFile(savedSettings)
	if err != nil {
		return
	}
	var old map[string]string
	if json.Unmarshal(body, &old) != nil {
		return
	}
	for name, value := range old {
		_ = os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644)
	}
	_ = os.Remove(savedSettings)
}

func letHostForward() error {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the host forward packets: %w", err)
	}
	return nil
}
