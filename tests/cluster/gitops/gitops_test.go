package gitops

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

const folder = "../../../gitops"

func object(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := yaml.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return whole(read).(map[string]any)
}

func TestArgoShowsWhatTheTestsBesideItsScriptSay(t *testing.T) {
	text, err := os.ReadFile(folder + "/argocd/health_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Tests []struct {
			HealthStatus Health `json:"healthStatus"`
			InputPath    string `json:"inputPath"`
		} `json:"tests"`
	}
	if err := yaml.UnmarshalStrict(text, &table); err != nil {
		t.Fatal(err)
	}
	checks, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	inputs, _ := filepath.Glob(folder + "/argocd/testdata/*.yaml")
	if len(table.Tests) != len(inputs) {
		t.Errorf("%d tests for %d inputs", len(table.Tests), len(inputs))
	}
	for _, test := range table.Tests {
		told, err := checks.Of(object(t, folder+"/argocd/"+test.InputPath))
		if err != nil {
			t.Fatal(err)
		}
		if told.Argo != test.HealthStatus {
			t.Errorf("%s: %+v, not %+v", test.InputPath, told.Argo, test.HealthStatus)
		}
	}
}

func TestAllWhoWaitSayTheSame(t *testing.T) {
	checks, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][3]string{
		"new":     {"InProgress", "Progressing", "InProgress"},
		"unseen":  {"InProgress", "Progressing", "InProgress"},
		"rolling": {"InProgress", "Progressing", "InProgress"},
		"ready":   {"Current", "Healthy", "Current"},
		"outage":  {"Current", "Healthy", "Current"},
		// Only Argo CD has a word for what is broken and may still mend.
		"image":   {"InProgress", "Degraded", "InProgress"},
		"invalid": {"Failed", "Degraded", "Failed"},
	} {
		told, err := checks.Of(object(t, folder+"/argocd/testdata/"+name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]string{told.Kstatus, told.Argo.Status, told.Flux}; got != want {
			t.Errorf("%s: %v, not %v", name, got, want)
		}
	}
}
