// Comes in: a state folder. Goes out: the path of everything kept in it, and whether a start was finished.
// Must not start, stop or configure anything.
package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Cluster is a cluster whose files live below dir.
type Cluster struct {
	dir    string
	binary string
	nodes  []node
}

// defaultDir lies beside the binary, so that it does not depend on where a command is typed.
func defaultDir() (string, error) {
	binary, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's path: %w", err)
	}
	return filepath.Join(filepath.Dir(binary), "cluster-state"), nil
}

func openCluster(dir string, nodes int) (*Cluster, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's path: %w", err)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve the state folder: %w", err)
	}
	return &Cluster{dir: absolute, binary: binary, nodes: firstNodes(nodes)}, nil
}

func (c *Cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

func (c *Cluster) kubeconfig() string              { return c.path("kubeconfig") }
func (c *Cluster) logPath(component string) string { return c.path("log", component+".log") }
func (c *Cluster) pidPath(component string) string { return c.path("pid", component) }
func (c *Cluster) certificate(name string) string  { return c.path("pki", name+".crt") }
func (c *Cluster) key(name string) string          { return c.path("pki", name+".key") }
func (c *Cluster) nodePath(n node, parts ...string) string {
	return c.path(append([]string{n.name()}, parts...)...)
}

// finished is what a start writes last: without it, whatever is there is a half-way start.
type finished struct {
	Nodes int `json:"nodes"`
}

func (c *Cluster) markFinished() error {
	body, err := json.Marshal(finished{Nodes: len(c.nodes)})
	if err != nil {
		return fmt.Errorf("render the finished mark: %w", err)
	}
	return writeFile(c.path("finished.json"), body)
}

// finishedNodes returns the number of nodes of a finished start, or 0.
func (c *Cluster) finishedNodes() int {
	body, err := os.ReadFile(c.path("finished.json"))
	if err != nil {
		return 0
	}
	var mark finished
	if json.Unmarshal(body, &mark) != nil {
		return 0
	}
	return mark.Nodes
}

func writeFile(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
