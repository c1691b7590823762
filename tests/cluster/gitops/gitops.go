// Package gitops says what those who wait for a resource make of it: the library kstatus (Helm, Flux, kubectl-like
// tools), Argo CD's Lua script, and Flux' expressions.
//
// Comes in: an object, the script, the expressions. Goes out: one word of each. Must not know what a collector is.
package gitops

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/cel-go/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Verdicts are what each of them says of one object.
type Verdicts struct {
	Kstatus string `json:"kstatus"`
	Argo    Health `json:"argo"`
	Flux    string `json:"flux"`
}

// Health is what Argo CD shows.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// Checks are the script and the expressions.
type Checks struct {
	Script      string
	Expressions Expressions
}

// Expressions are those of Flux' healthCheckExprs.
type Expressions struct {
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

// Read takes both from where users find them: the folder gitops of the repository.
func Read(folder string) (Checks, error) {
	script, err := os.ReadFile(folder + "/argocd/health.lua")
	if err != nil {
		return Checks{}, err
	}
	text, err := os.ReadFile(folder + "/flux/kustomization.yaml")
	if err != nil {
		return Checks{}, err
	}
	var kustomization struct {
		Spec struct {
			HealthCheckExprs []Expressions `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		return Checks{}, err
	}
	if len(kustomization.Spec.HealthCheckExprs) != 1 {
		return Checks{}, errors.New("healthCheckExprs: not exactly one")
	}
	return Checks{string(script), kustomization.Spec.HealthCheckExprs[0]}, nil
}

// Of judges one object.
func (checks Checks) Of(object map[string]any) (Verdicts, error) {
	told, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		return Verdicts{}, fmt.Errorf("kstatus: %w", err)
	}
	argo, err := argo(checks.Script, object)
	if err != nil {
		return Verdicts{}, fmt.Errorf("health.lua: %w", err)
	}
	flux, err := flux(checks.Expressions, object)
	if err != nil {
		return Verdicts{}, fmt.Errorf("healthCheckExprs: %w", err)
	}
	return Verdicts{told.Status.String(), argo, flux}, nil
}

// Run reads objects as JSON, one after another, and prints the verdicts of each on a line of its own.
func Run(folder string, in io.Reader, out io.Writer) error {
	checks, err := Read(folder)
	if err != nil {
		return err
	}
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var object map[string]any
		if err := decoder.Decode(&object); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		verdicts, err := checks.Of(whole(object).(map[string]any))
		if err != nil {
			return err
		}
		if err := encoder.Encode(verdicts); err != nil {
			return err
		}
	}
}

// whole makes integers of numbers that are, as objects from an API server have them.
func whole(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = whole(inner)
		}
	case []any:
		for index, inner := range value {
			value[index] = whole(inner)
		}
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}

// argo runs the script as Argo CD does: the object in `obj`, a table as the answer, no libraries that reach outside.
func argo(script string, object map[string]any) (Health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return Health{}, err
		}
	}
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return Health{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return Health{}, errors.New("it returns no table")
	}
	return Health{lua.LVAsString(table.RawGetString("status")), lua.LVAsString(table.RawGetString("message"))}, nil
}

func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, inner := range from {
			table.RawSetString(key, value(state, inner))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, inner := range from {
			table.Append(value(state, inner))
		}
		return table
	case string:
		return lua.LString(from)
	case bool:
		return lua.LBool(from)
	case int64:
		return lua.LNumber(from)
	case float64:
		return lua.LNumber(from)
	default:
		return lua.LNil
	}
}

// flux asks in the order in which Flux does: an old generation, in progress, failed, current.
func flux(expressions Expressions, object map[string]any) (string, error) {
	generation, _, _ := unstructured.NestedInt64(object, "metadata", "generation")
	observed, found, _ := unstructured.NestedInt64(object, "status", "observedGeneration")
	if found && observed != generation {
		return "InProgress", nil
	}
	if _, found, _ := unstructured.NestedFieldNoCopy(object, "status"); !found {
		return "InProgress", nil
	}
	environment, err := cel.NewEnv(cel.Variable("status", cel.DynType), cel.Variable("metadata", cel.DynType), cel.Variable("spec", cel.DynType))
	if err != nil {
		return "", err
	}
	for _, step := range []struct{ word, expression string }{
		{"InProgress", expressions.InProgress}, {"Failed", expressions.Failed}, {"Current", expressions.Current},
	} {
		tree, issues := environment.Compile(step.expression)
		if issues.Err() != nil {
			return "", issues.Err()
		}
		program, err := environment.Program(tree)
		if err != nil {
			return "", err
		}
		holds, _, err := program.Eval(map[string]any{"status": object["status"], "metadata": object["metadata"], "spec": object["spec"]})
		if err != nil {
			return "", fmt.Errorf("%s: %w", step.word, err)
		}
		if holds.Value() == true {
			return step.word, nil
		}
	}
	return "InProgress", nil
}
