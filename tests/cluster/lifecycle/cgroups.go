// Comes in: the nodes of a cluster. Goes out: an empty cgroup for each, in every hierarchy the machine has.
// Must not touch a cgroup outside the cluster's own folder.
package lifecycle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// hierarchy is one mounted tree of cgroups: the only one in version 2, one for each controller in version 1.
type hierarchy struct {
	path    string
	unified bool
}

// parseHierarchies reads the format of /proc/self/mountinfo.
func parseHierarchies(mountinfo io.Reader) []hierarchy {
	var found []hierarchy
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		before, after, separated := strings.Cut(lines.Text(), " - ")
		mount, source := strings.Fields(before), strings.Fields(after)
		if !separated || len(mount) < 5 || len(source) < 1 {
			continue
		}
		if source[0] == "cgroup" || source[0] == "cgroup2" {
			found = append(found, hierarchy{path: mount[4], unified: source[0] == "cgroup2"})
		}
	}
	return found
}

func hierarchies() ([]hierarchy, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mounts: %w", err)
	}
	defer file.Close()
	return parseHierarchies(file), nil
}

func makeCgroup(n node) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, tree := range all {
		folder := tree.path
		for _, part := range strings.Split(strings.Trim(n.cgroup(), "/"), "/") {
			if tree.unified {
				passControllersOn(folder)
			}
			parent := folder
			folder = filepath.Join(parent, part)
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return fmt.Errorf("make a cgroup: %w", err)
			}
			if err := copyCPUSet(parent, folder); err != nil {
				return err
			}
		}
		if tree.unified {
			passControllersOn(folder)
		}
	}
	return nil
}

// passControllersOn offers each controller by itself, because one that is refused would refuse them all.
func passControllersOn(folder string) {
	controllers, err := os.ReadFile(filepath.Join(folder, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, name := range strings.Fields(string(controllers)) {
		_ = os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte("+"+name), 0o644)
	}
}

// copyCPUSet fills what version 1 leaves empty; with an empty set no process can be put into a cgroup.
func copyCPUSet(parent, child string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, name))
		if errors.Is(err, fs.ErrNotExist) || len(strings.TrimSpace(string(value))) == 0 {
			continue
		}
		if err != nil {
			return fmt.Errorf("read a cpuset: %w", err)
		}
		if err := os.WriteFile(filepath.Join(child, name), value, 0o644); err != nil {
			return fmt.Errorf("set a cpuset: %w", err)
		}
	}
	return nil
}

// removeCgroups retries: a cgroup stays busy for a moment after its last process ended.
func removeCgroups(ctx context.Context) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	return waitUntil(ctx, "removal of the cgroups", 20*time.Second, func(context.Context) error {
		var failures []error
		for _, tree := range all {
			failures = append(failures, removeTree(filepath.Join(tree.path, bridge)))
		}
		return errors.Join(failures...)
	})
}

func removeTree(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list cgroups: %w", err)
	}
	slices.Reverse(folders) // A folder is listed before what it holds.
	for _, folder := range folders {
		if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a cgroup: %w", err)
		}
	}
	return nil
}
