// Comes in: the machine's static busybox. Goes out: the archives of two images made of it: what holds a pod's
// namespaces open, and a shell for test pods.
// Must not need a registry or an image builder.
package lifecycle

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
)

// tarEntry is a file, or a symbolic link when link is set.
type tarEntry struct {
	name string
	body []byte
	link string
	mode int64
}

func (c *Cluster) ownImages() []string {
	return []string{c.path("images", "pause.tar"), c.path("images", "busybox.tar")}
}

func (c *Cluster) loadOwnImages(ctx context.Context) error { return c.load(ctx, c.ownImages()) }

func (c *Cluster) writeOwnImages() error {
	binary, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("find busybox: %w", err)
	}
	body, err := os.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read busybox: %w", err)
	}
	applets, err := exec.Command(binary, "--list").Output()
	if err != nil {
		return fmt.Errorf("list the applets of busybox: %w", err)
	}
	program := tarEntry{name: "bin/busybox", body: body, mode: 0o755}
	shell := []tarEntry{program, {name: "etc/passwd", body: []byte("root:x:0:0:root:/:/bin/sh\n"), mode: 0o644}}
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			shell = append(shell, tarEntry{name: "bin/" + applet, link: "busybox"})
		}
	}
	// containerd kills this process and does not ask it to end, so a sleep that ignores signals is enough.
	pause := []string{"/bin/busybox", "sleep", "2147483647"}
	images := c.ownImages()
	if err := writeImage(images[0], pauseImage, pause, []tarEntry{program}); err != nil {
		return err
	}
	return writeImage(images[1], busyboxImage, []string{"/bin/sh"}, shell)
}

// writeImage writes an OCI image layout of one layer as a tar archive.
func writeImage(file, reference string, command []string, entries []tarEntry) error {
	layer, err := packTar(entries)
	if err != nil {
		return err
	}
	archive, err := layout(reference, command, layer)
	if err != nil {
		return err
	}
	return writeFile(file, archive)
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func describe(kind string, body []byte) descriptor {
	return descriptor{MediaType: "application/vnd.oci.image." + kind, Digest: digest(body), Size: len(body)}
}

func layout(reference string, command []string, layer []byte) ([]byte, error) {
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Cmd": command, "Env": []string{"PATH=/bin"}},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{digest(layer)}},
	})
	if err != nil {
		return nil, fmt.Errorf("render an image's configuration: %w", err)
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"config":        describe("config.v1+json", config),
		"layers":        []descriptor{describe("layer.v1.tar", layer)},
	})
	if err != nil {
		return nil, fmt.Errorf("render an image's manifest: %w", err)
	}
	named := describe("manifest.v1+json", manifest)
	named.Annotations = map[string]string{"io.containerd.image.name": reference}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{named}})
	if err != nil {
		return nil, fmt.Errorf("render an image's index: %w", err)
	}
	return packTar([]tarEntry{
		{name: "oci-layout", body: []byte(`{"imageLayoutVersion":"1.0.0"}`), mode: 0o644},
		{name: "index.json", body: index, mode: 0o644},
		blob(config), blob(manifest), blob(layer),
	})
}

func blob(body []byte) tarEntry {
	return tarEntry{name: path.Join("blobs", strings.Replace(digest(body), ":", "/", 1)), body: body, mode: 0o644}
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func packTar(entries []tarEntry) ([]byte, error) {
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for _, entry := range entries {
		header := &tar.Header{Name: entry.name, Mode: entry.mode, Size: int64(len(entry.body)), Linkname: entry.link}
		if entry.link != "" {
			header.Typeflag, header.Mode = tar.TypeSymlink, 0o777
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", entry.name, err)
		}
		if _, err := writer.Write(entry.body); err != nil {
			return nil, fmt.Errorf("pack %s: %w", entry.name, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("finish an archive: %w", err)
	}
	return packed.Bytes(), nil
}
