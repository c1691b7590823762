// Comes in: the parts that decide. Goes out: whether they decide rightly, without a cluster.
// Must not need root, or link Kubernetes.
package lifecycle

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testCluster(t *testing.T) *Cluster {
	t.Helper()
	c, err := openCluster(t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func readCertificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(body)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestEveryCertificateIsValidForItsHolder(t *testing.T) {
	c := testCluster(t)
	if err := c.writePKI(); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(readCertificate(t, c.certificate("ca")))
	servers := map[string][]string{
		"apiserver": {"10.96.0.1", "10.77.0.1", "kubernetes.default.svc", "localhost"},
		"node-1":    {"10.77.0.11", "node-1"},
		"node-2":    {"10.77.0.12", "node-2"},
	}
	for name, hosts := range servers {
		for _, host := range hosts {
			_, err := readCertificate(t, c.certificate(name)).Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
			if err != nil {
				t.Errorf("%s as %s: %v", name, host, err)
			}
		}
	}
	node := readCertificate(t, c.certificate("node-2")).Subject
	if node.CommonName != "system:node:node-2" || node.Organization[0] != "system:nodes" {
		t.Errorf("node-2 is %s", node)
	}
}

func TestAKubeconfigHoldsItsCredentialsAndRefersToNoFile(t *testing.T) {
	rendered := renderKubeconfig("admin", []byte("authority"), []byte("certificate"), []byte("key"))
	for _, want := range []string{"server: https://10.77.0.1:6443", "user: admin", "client-key-data: a2V5"} {
		if !strings.Contains(rendered, want) {
			t.Errorf("%q is not in\n%s", want, rendered)
		}
	}
}

func TestTheMarkIsReadFromAnEnvironmentAndNothingElse(t *testing.T) {
	for environ, want := range map[string]string{
		"A=b\x00" + mark + "=/state\x00C=d\x00": "/state",
		"X" + mark + "=/state\x00":              "",
		"A=" + mark + "=/state\x00":             "",
		"":                                      "",
	} {
		if dir, _ := owner([]byte(environ)); dir != want {
			t.Errorf("%q belongs to %q, want %q", environ, dir, want)
		}
	}
}

func sleepMarkedBy(t *testing.T, c *Cluster) *exec.Cmd {
	t.Helper()
	command := exec.Command("sleep", "60")
	command.Env = c.environment()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	return command
}

func TestKillingAClusterSparesTheProcessesOfAnother(t *testing.T) {
	doomed, spared := testCluster(t), testCluster(t)
	victim, bystander := sleepMarkedBy(t, doomed), sleepMarkedBy(t, spared)
	if err := doomed.killAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !hasEnded(victim.Process.Pid) {
		t.Error("a process of the cluster still runs")
	}
	if hasEnded(bystander.Process.Pid) {
		t.Error("a process of another cluster was killed")
	}
}

func TestAPidFileOfAnotherProcessIsNotBelieved(t *testing.T) {
	c, other := testCluster(t), testCluster(t)
	pid := sleepMarkedBy(t, other).Process.Pid
	body, _ := json.Marshal(pid)
	if err := writeFile(c.pidPath("etcd"), body); err != nil {
		t.Fatal(err)
	}
	if _, running := c.runningPid("etcd"); running {
		t.Error("a process of another cluster was taken for etcd")
	}
}

func TestHierarchiesOfBothCgroupVersionsAreFound(t *testing.T) {
	found := parseHierarchies(strings.NewReader(`30 24 0:25 / /sys/fs/cgroup ro,nosuid shared:4 - tmpfs tmpfs ro
31 30 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw
32 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
33 1 8:1 / / rw - ext4 /dev/sda1 rw
`))
	want := []hierarchy{{"/sys/fs/cgroup/unified", true}, {"/sys/fs/cgroup/cpu,cpuacct", false}}
	if len(found) != len(want) || found[0] != want[0] || found[1] != want[1] {
		t.Errorf("found %v, want %v", found, want)
	}
}

func TestANodeRoutesToEveryOtherNodesPods(t *testing.T) {
	lines := strings.Join(insideCommands(2, firstNodes(3)), "\n")
	for _, want := range []string{
		"addr add 10.77.0.12/24 dev eth0", "route add 10.78.1.0/24 via 10.77.0.11", "route add 10.78.3.0/24 via 10.77.0.13",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is not in\n%s", want, lines)
		}
	}
	if strings.Contains(lines, "10.78.2.0/24") {
		t.Error("a node routes its own pods away")
	}
}

func TestOnlyOwnLinksAreRemoved(t *testing.T) {
	for name, want := range map[string]bool{
		"cs0": true, "vnode-1": true, "vnode-9": true, "vnode-10": false, "vnode-1x": false, "eth0": false, "cs01": false,
	} {
		if isOwnLink(name) != want {
			t.Errorf("isOwnLink(%q) is not %t", name, want)
		}
	}
}

func TestAFullSetOfNodeFilesIsValid(t *testing.T) {
	c := testCluster(t)
	if err := c.writeNodeConfig(1, "/usr/lib/cni"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kubelet.json", "cni/10-pods.conflist"} {
		body, err := os.ReadFile(c.nodePath(1, name))
		if err != nil || !json.Valid(body) {
			t.Errorf("%s: %v\n%s", name, err, body)
		}
	}
	containerd, err := os.ReadFile(c.nodePath(1, "containerd.toml"))
	if err != nil || !strings.Contains(string(containerd), `bin_dir = "/usr/lib/cni"`) {
		t.Errorf("containerd.toml: %v\n%s", err, containerd)
	}
}

func TestANodeCountsOnceItIsReadyAndUntainted(t *testing.T) {
	var list nodeList
	body := `{"items": [
		{"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
		{"spec": {"taints": [{}]}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
		{"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "DiskPressure", "status": "True"}]}}]}`
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	if ready := readyNodes(list); ready != 1 {
		t.Errorf("%d nodes are ready, want 1", ready)
	}
}

func TestAnImageIsALayoutWhoseBlobsAreNamedByTheirContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.tar")
	entries := []tarEntry{{name: "bin/busybox", body: []byte("program"), mode: 0o755}, {name: "bin/sh", link: "busybox"}}
	if err := writeImage(path, "localhost/x:1", []string{"/bin/sh"}, entries); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(bytes.NewReader(archive))
	blobs := 0
	for header, err := files.Next(); err != io.EOF; header, err = files.Next() {
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(files)
		if name, found := strings.CutPrefix(header.Name, "blobs/sha256/"); found {
			blobs++
			if "sha256:"+name != digest(body) {
				t.Errorf("%s holds %s", name, digest(body))
			}
		}
		if header.Name == "index.json" && !bytes.Contains(body, []byte(`"localhost/x:1"`)) {
			t.Errorf("the index does not name the image: %s", body)
		}
	}
	if blobs != 3 {
		t.Errorf("%d blobs, want configuration, manifest and layer", blobs)
	}
}

func TestAWaitEndsWithTheCauseOfItsContext(t *testing.T) {
	cause := errors.New("etcd ended")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	err := waitUntil(ctx, "x", time.Minute, func(context.Context) error { return errors.New("not yet") })
	if !errors.Is(err, cause) {
		t.Errorf("the wait ended with %v", err)
	}
}

func TestAWaitThatTakesTooLongTellsTheLastReason(t *testing.T) {
	reason := errors.New("not yet")
	err := waitUntil(context.Background(), "x", time.Millisecond, func(context.Context) error { return reason })
	if !errors.Is(err, reason) {
		t.Errorf("the wait ended with %v", err)
	}
}

func TestOnlyTheFirstFailureCarriesALog(t *testing.T) {
	c := testCluster(t)
	if err := writeFile(c.logPath("etcd"), []byte("one\ntwo\n")); err != nil {
		t.Fatal(err)
	}
	err := c.blame("apiserver", c.blame("etcd", errors.New("etcd ended")))
	if text := err.Error(); !strings.HasSuffix(text, "one\ntwo") || strings.Contains(text, "apiserver") {
		t.Errorf("the failure reads %q", text)
	}
}

func TestFlagsMayFollowArchives(t *testing.T) {
	o, rest, err := parse("load", []string{"a.tar", "--dir", "/state", "b.tar"})
	if err != nil || o.dir != "/state" || strings.Join(rest, " ") != "a.tar b.tar" {
		t.Errorf("parsed %q, %q, %v", o.dir, rest, err)
	}
}

func TestStoppingDeletesOnlyWhatAStartWrites(t *testing.T) {
	c := testCluster(t)
	foreign := c.path("notes.txt")
	for _, path := range []string{foreign, c.kubeconfig(), c.logPath("etcd"), c.nodePath(1, "cni", "x")} {
		if err := writeFile(path, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.removeState(false); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(c.dir)
	if len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("left: %v", left)
	}
}
