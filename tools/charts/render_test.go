package main

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"playtoken/settings"
)

// object is what all objects of Kubernetes are decoded into.
type object = runtime.Object

// decode reads the objects of a text as the API of Kubernetes does with strict
// validation: no member that it does not know, and none twice.
func decode(t *testing.T, name, text string) (all []object) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{apps.AddToScheme, batch.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for part := range strings.SplitSeq("\n"+text, "\n---\n") {
		one, _, err := decoder.Decode([]byte(part), nil, nil)
		if err != nil {
			t.Errorf("%s: got %v, want an object of Kubernetes:\n%s", name, err, part)
			continue
		}
		all = append(all, one)
	}
	return all
}

// sets are values that an adopter might have.
var sets = map[string]map[string]any{
	"minimal":    {"monitoring": map[string]any{"service": false}, "networkPolicy": map[string]any{"enabled": false}, "serve": map[string]any{"replicas": 1}},
	"defaults":   {},
	"scheduler":  {"rotation": map[string]any{"by": "scheduler"}},
	"everything": everything,
}

var everything = map[string]any{
	"image":    map[string]any{"digest": "sha256:" + strings.Repeat("a", 64), "pullSecrets": []any{"registry"}},
	"settings": map[string]any{"PLAYTOKEN_PLATFORM": "gate", "PLAYTOKEN_PLATFORM_URL": "https://videos.example.com", "PLAYTOKEN_KEY_BUDGET": 12},
	"secrets":  map[string]any{"serve": map[string]any{"PLAYTOKEN_REDIS_URL": "redis-url"}},
	"vault":    map[string]any{"namespace": "video", "caSecret": "vault-ca"},
	"serve": map[string]any{"podAnnotations": map[string]any{"a": "b"}, "nodeSelector": map[string]any{"pool": "edge"}, "priorityClassName": "high",
		"tolerations": []any{map[string]any{"key": "edge", "operator": "Exists"}}, "service": map[string]any{"annotations": map[string]any{"a": "b"}}},
	"gate": map[string]any{"enabled": true, "replicas": 4, "media": map[string]any{"claim": "videos", "subPath": "hls"},
		"settings": map[string]any{"PLAYTOKEN_GATE_STREAMS_PER_VIEWER": 2}, "secrets": map[string]any{"files": map[string]any{"PLAYTOKEN_REDIS_URL": "redis-url"}}},
	"networkPolicy": map[string]any{
		"callers":    []any{map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": "web"}}}},
		"prometheus": []any{map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": "monitoring"}}}},
		"egress":     []any{map[string]any{"ports": []any{map[string]any{"port": 4318}}}},
	},
	"monitoring": map[string]any{"serviceMonitor": map[string]any{"enabled": true, "labels": map[string]any{"release": "prometheus"}}, "dashboard": map[string]any{"enabled": true},
		"prometheusRule": map[string]any{"enabled": true, "runbooks": "https://git.example.com/playtoken/"}},
}

// rendered returns the objects of a set of values.
func rendered(t *testing.T, values map[string]any) (all []object) {
	t.Helper()
	files, err := render(top, values)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(files) {
		if path.Ext(name) == ".yaml" {
			all = append(all, decode(t, name, files[name])...)
		}
	}
	return all
}

// pods are the pods that objects make, by the name of what makes them.
func pods(objects []object) map[string]core.PodSpec {
	all := map[string]core.PodSpec{}
	for _, o := range objects {
		switch o := o.(type) {
		case *apps.Deployment:
			all[o.Name] = o.Spec.Template.Spec
		case *batch.CronJob:
			all[o.Name] = o.Spec.JobTemplate.Spec.Template.Spec
		}
	}
	return all
}

func TestEverySetOfValuesIsObjectsOfKubernetes(t *testing.T) {
	want := map[string][]string{
		"minimal": {"playtoken", "playtoken-rotate"}, "defaults": {"playtoken", "playtoken-rotate"},
		"scheduler": {"playtoken"}, "everything": {"playtoken", "playtoken-gate", "playtoken-rotate"},
	}
	for name, values := range sets {
		t.Run(name, func(t *testing.T) {
			if got := names(pods(rendered(t, values))); !slices.Equal(got, want[name]) {
				t.Errorf("got pods of %v, want %v", got, want[name])
			}
		})
	}
}

// TestPodsAreRestricted: by the strictest of Kubernetes' standards for pods, with a
// root file system that nothing is written to, and without a token for its API.
func TestPodsAreRestricted(t *testing.T) {
	for set, values := range sets {
		for name, pod := range pods(rendered(t, values)) {
			c, p := pod.Containers[0].SecurityContext, pod.SecurityContext
			if !*p.RunAsNonRoot || p.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s, %s: got the pod's security %+v, want an unprivileged user and the runtime's filter", set, name, p)
			}
			if *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities.Drop, []core.Capability{"ALL"}) {
				t.Errorf("%s, %s: got the container's security %+v, want nothing that can be gained or written", set, name, c)
			}
			if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
				t.Errorf("%s, %s: got a token for the API of Kubernetes or links of Services, want neither", set, name)
			}
		}
	}
}

// TestProbesAskWhatListens at the port of the setting, and paths that exist.
func TestProbesAskWhatListens(t *testing.T) {
	for set, values := range sets {
		for name, pod := range pods(rendered(t, values)) {
			c := pod.Containers[0]
			if c.Args[0] == "rotate" {
				continue
			}
			env, ports := environment(c), map[string]string{}
			for _, p := range c.Ports {
				ports[p.Name] = fmt.Sprintf(":%d", p.ContainerPort)
			}
			if listen := env["PLAYTOKEN_LISTEN"] + env["PLAYTOKEN_GATE_LISTEN"]; ports["http"] != listen || ports["metrics"] != env["PLAYTOKEN_METRICS_LISTEN"] {
				t.Errorf("%s, %s: got the ports %v, want those of the settings %v", set, name, ports, env)
			}
			for _, probe := range []struct {
				probe *core.Probe
				path  string
			}{{c.StartupProbe, "/healthz"}, {c.LivenessProbe, "/healthz"}, {c.ReadinessProbe, "/readyz"}} {
				if got := probe.probe.HTTPGet; got.Path != probe.path || got.Port.StrVal != "http" {
					t.Errorf("%s, %s: got the probe %+v, want it to ask %s", set, name, got, probe.path)
				}
			}
		}
	}
}

// TestAccountsHaveTheRolesThatTheyNeed and none logs in with more.
func TestAccountsHaveTheRolesThatTheyNeed(t *testing.T) {
	for _, tt := range []struct {
		set  string
		want map[string]string
	}{
		{"defaults", map[string]string{"playtoken": "playtoken-signer off", "playtoken-rotate": "playtoken-rotator "}},
		{"scheduler", map[string]string{"playtoken": "playtoken-rotator on"}},
		{"everything", map[string]string{"playtoken": "playtoken-signer off", "playtoken-rotate": "playtoken-rotator ", "playtoken-gate": "playtoken-gate "}},
	} {
		got := map[string]string{}
		for _, pod := range pods(rendered(t, sets[tt.set])) {
			env := environment(pod.Containers[0])
			got[pod.ServiceAccountName] = env["PLAYTOKEN_VAULT_ROLE"] + " " + env["PLAYTOKEN_SCHEDULER"]
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s: got accounts with the roles %v, want %v", tt.set, got, tt.want)
		}
	}
}

func environment(c core.Container) map[string]string {
	env := map[string]string{}
	for _, v := range c.Env {
		env[v.Name] = v.Value
	}
	return env
}

// TestSettingsOfThePodsAreGood reads them as the program does, with files in the place
// of what Kubernetes mounts.
func TestSettingsOfThePodsAreGood(t *testing.T) {
	for set, values := range sets {
		for name, pod := range pods(rendered(t, values)) {
			c := pod.Containers[0]
			environ := mounted(t, c)
			_, err := settings.ForService(environ)
			if c.Args[0] == "gate" {
				_, err = settings.ForGate(environ, "")
			}
			if err != nil {
				t.Errorf("%s, %s: got %v of %q, want settings that are good", set, name, err, environ)
			}
		}
	}
}

// mounted is a container's environment, with its secrets in a folder of the test, if
// the container mounts what they are in.
func mounted(t *testing.T, c core.Container) (environ []string) {
	t.Helper()
	secrets := t.TempDir()
	for name, value := range environment(c) {
		if strings.HasSuffix(name, "_FILE") && name != "PLAYTOKEN_VAULT_JWT_FILE" {
			if !slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == path.Dir(value) }) {
				t.Errorf("got %s=%s and the mounts %v, want one of its folder", name, value, c.VolumeMounts)
			}
			text := name + "-0123456789abcdef0123456789abcdef"
			if strings.Contains(name, "REDIS") {
				text = "rediss://user:password@redis:6379/0"
			}
			value = filepath.Join(secrets, name)
			if err := os.WriteFile(value, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		environ = append(environ, name+"="+value)
	}
	return environ
}

func TestValuesThatAreMisspelledAreRefused(t *testing.T) {
	for _, values := range []map[string]any{
		{"replicas": 3}, {"serve": map[string]any{"replica": 3}}, {"rotation": map[string]any{"by": "cron"}}, {"vault": map[string]any{"address": "vault:8200"}},
		{"gate": map[string]any{"replicas": 0}}, {"settings": map[string]any{"playtoken_platform": "x"}}, {"settings": map[string]any{"PLAYTOKEN_SCHEDULER": "on"}},
	} {
		if _, err := render(top, values); err == nil {
			t.Errorf("render(%v) = no error, want the schema to refuse it", values)
		}
	}
}

// TestManifestsAreWhatTheChartRenders; make kubernetes writes them.
func TestManifestsAreWhatTheChartRenders(t *testing.T) {
	want, err := manifests(top)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = filepath.WalkDir(filepath.Join(top, "kubernetes"), func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		name, _ := filepath.Rel(filepath.Join(top, "kubernetes"), file)
		got[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("got the files %v of deploy/kubernetes, want those that make kubernetes writes: %v", names(got), names(want))
	}
	for from, to := range copied {
		original, err := os.ReadFile(filepath.Join(top, from))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(top, to)); err != nil || string(text) != string(original) {
			t.Errorf("%s: got another text than %s has, %v; want the one that make kubernetes copies", to, from, err)
		}
	}
}

// TestKustomizeBuildsTheManifests of each folder that can be applied.
func TestKustomizeBuildsTheManifests(t *testing.T) {
	for folder, want := range map[string]int{".": 9, "gate": 5, "monitoring": 4} {
		if got := build(t, filepath.Join(top, "kubernetes", folder)); len(got) != want {
			t.Errorf("kustomize build %s: got %d objects, want %d", folder, len(got), want)
		}
	}
}

// TestTheOverlayOfTheFirstHourBuilds with Vault's address in every pod.
func TestTheOverlayOfTheFirstHourBuilds(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(top, "../docs/first-hour.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```yaml\n")
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("got no block of YAML on docs/first-hour.md, want the overlay")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "deploy/kubernetes"), os.DirFS(filepath.Join(top, "kubernetes"))); err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "production")
	if err := os.Mkdir(overlay, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	made := pods(build(t, overlay))
	for name, pod := range made {
		c := pod.Containers[0]
		if got := environment(c); got["VAULT_ADDR"] != "https://vault.example.com:8200" || got["PLAYTOKEN_VAULT_ROLE"] == "" || c.Image != "registry.example.com/playtoken:1.0.0" {
			t.Errorf("%s: got the image %s and the environment %v, want those of the overlay beside the base's", name, c.Image, got)
		}
	}
	if len(made) != 2 {
		t.Errorf("got pods of %v, want those of serve and rotate", names(made))
	}
}

// build is kustomize build.
func build(t *testing.T, folder string) []object {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatalf("kustomize build %s = %v, want objects", folder, err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, folder, string(text))
}
