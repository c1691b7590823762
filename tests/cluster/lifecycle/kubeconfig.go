// Comes in: an identity's certificate and key. Goes out: a kubeconfig that stands alone.
// Must not refer to files: a kubeconfig may be copied elsewhere.
package lifecycle

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

const kubeconfigTemplate = `apiVersion: v1
kind: Config
clusters:
  - name: test-cluster
    cluster:
      server: SERVER
      certificate-authority-data: AUTHORITY
users:
  - name: USER
    user:
      client-certificate-data: CERTIFICATE
      client-key-data: KEY
contexts:
  - name: test-cluster
    context:
      cluster: test-cluster
      user: USER
current-context: test-cluster
`

func renderKubeconfig(user string, authority, certificate, key []byte) string {
	encode := base64.StdEncoding.EncodeToString
	return strings.NewReplacer(
		"SERVER", apiURL(), "USER", user,
		"AUTHORITY", encode(authority), "CERTIFICATE", encode(certificate), "KEY", encode(key),
	).Replace(kubeconfigTemplate)
}

func (c *Cluster) writeKubeconfig(user, path string) error {
	var parts [3][]byte
	for i, source := range []string{c.certificate("ca"), c.certificate(user), c.key(user)} {
		body, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("read the credentials of %s: %w", user, err)
		}
		parts[i] = body
	}
	return writeFile(path, []byte(renderKubeconfig(user, parts[0], parts[1], parts[2])))
}

func (c *Cluster) componentKubeconfig(user string) string {
	return c.path("pki", user+".kubeconfig")
}

// writeKubeconfigs gives the person, and every party that calls the API, a file of its own.
func (c *Cluster) writeKubeconfigs() error {
	users := []string{"controllers", "scheduler", "proxy", "dns"}
	for _, n := range c.nodes {
		users = append(users, n.name())
	}
	for _, user := range users {
		if err := c.writeKubeconfig(user, c.componentKubeconfig(user)); err != nil {
			return err
		}
	}
	return c.writeKubeconfig("admin", c.kubeconfig())
}

// UseOwnKubeconfig points kubectl and helm at the cluster beside the binary unless the caller chose another.
func UseOwnKubeconfig() {
	if os.Getenv("KUBECONFIG") != "" {
		return
	}
	dir, err := defaultDir()
	if err != nil {
		return
	}
	path := (&Cluster{dir: dir}).kubeconfig()
	if _, err := os.Stat(path); err == nil {
		os.Setenv("KUBECONFIG", path)
	}
}
