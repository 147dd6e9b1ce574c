package handlers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// sources are the files of package handlers without its tests.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// each calls a function with every node of a type.
func each[N ast.Node](files []*ast.File, do func(N)) {
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if wanted, ok := n.(N); ok {
				do(wanted)
			}
			return true
		})
	}
}

// typeName is the name of the type in T, *T, T[A], T{} or (*T)(nil).
func typeName(of ast.Expr) string {
	switch x := of.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.StarExpr:
		return typeName(x.X)
	case *ast.ParenExpr:
		return typeName(x.X)
	case *ast.IndexExpr:
		return typeName(x.X)
	case *ast.CompositeLit:
		return typeName(x.Type)
	case *ast.CallExpr:
		return typeName(x.Fun)
	}
	return ""
}

// hooks maps the methods of bodies.go to the interfaces that have them.
func hooks(files []*ast.File) map[string]string {
	found := map[string]string{}
	each(files, func(spec *ast.TypeSpec) {
		body, ok := spec.Type.(*ast.InterfaceType)
		if !ok || !strings.HasPrefix(spec.Name.Name, "with") {
			return
		}
		for _, method := range body.Methods.List {
			found[method.Names[0].Name] = spec.Name.Name
		}
	})
	return found
}

// assertions lists "interface type" for every line that has the compiler check
// that a type implements an interface.
func assertions(files []*ast.File) map[string]bool {
	found := map[string]bool{}
	each(files, func(spec *ast.ValueSpec) {
		if len(spec.Values) == 1 && spec.Names[0].Name == "_" {
			found[typeName(spec.Type)+" "+typeName(spec.Values[0])] = true
		}
	})
	return found
}

// TestBodiesMeanTheirMethods: a body's method that has the name of one in
// bodies.go but another signature would be ignored silently.
func TestBodiesMeanTheirMethods(t *testing.T) {
	files := sources(t)
	hooks, asserted := hooks(files), assertions(files)
	if len(hooks) != 14 {
		t.Fatalf("bodies.go names %d methods, want 14", len(hooks))
	}
	seen := 0
	each(files, func(fn *ast.FuncDecl) {
		wanted, ok := hooks[fn.Name.Name]
		if !ok || fn.Recv == nil {
			return
		}
		owner := typeName(fn.Recv.List[0].Type)
		if seen++; !asserted[wanted+" "+owner] {
			t.Errorf("type %s has a method %s and no assertion, want: var _ %s = %s{}", owner, fn.Name.Name, wanted, owner)
		}
	})
	if seen < len(hooks) {
		t.Errorf("%d methods of bodies found, want at least one for each of %d interfaces", seen, len(hooks))
	}
}

// TestBodiesSayWhatTheyHold: a body with a reason or a project, and no method
// that says so, would be recorded without the one and act on another project
// than it names.
func TestBodiesSayWhatTheyHold(t *testing.T) {
	files := sources(t)
	asserted := assertions(files)
	members := map[string]string{"Reason": "withReason", "ProjectID": "withProjectID"}
	each(files, func(spec *ast.TypeSpec) {
		fields, ok := spec.Type.(*ast.StructType)
		if !ok || !strings.HasSuffix(spec.Name.Name, "Body") {
			return
		}
		for _, field := range fields.Fields.List {
			for _, name := range field.Names {
				if wanted, ok := members[name.Name]; ok && !asserted[wanted+" "+spec.Name.Name] {
					t.Errorf("type %s has a field %s and no assertion, want: var _ %s = %s{}", spec.Name, name.Name, wanted, spec.Name)
				}
			}
		}
	})
}
