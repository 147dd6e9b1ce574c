package conventions

import (
	"go/ast"
	"testing"
)

// unkeyedFields is from how many fields on a literal names them.
const unkeyedFields = 3

// TestStructLiteralsNameTheirFields: two fields of one type that are swapped
// are seen by no compiler.
func TestStructLiteralsNameTheirFields(t *testing.T) {
	for _, f := range sources(t, ".go") {
		if f.isTest() { // a table of cases reads better as rows
			continue
		}
		set, file := f.parsed(t)
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			for _, l := range structs(literal) {
				if unkeyed(l) {
					t.Errorf("%s: got a literal of %d fields without names, want each with its name", set.Position(l.Pos()), len(l.Elts))
				}
			}
			return true
		})
	}
}

// structs returns the literal, if its type may be a struct, and those of its
// elements whose type is left out because it is the element type.
func structs(literal *ast.CompositeLit) []*ast.CompositeLit {
	var element ast.Expr
	switch typ := literal.Type.(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.StructType, *ast.IndexExpr:
		return []*ast.CompositeLit{literal}
	case *ast.ArrayType:
		element = typ.Elt
	case *ast.MapType:
		element = typ.Value
	}
	switch element.(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.StructType, *ast.StarExpr:
	default:
		return nil
	}
	var found []*ast.CompositeLit
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			e = pair.Value
		}
		if inner, ok := e.(*ast.CompositeLit); ok && inner.Type == nil {
			found = append(found, inner)
		}
	}
	return found
}

func unkeyed(literal *ast.CompositeLit) bool {
	if len(literal.Elts) < unkeyedFields {
		return false
	}
	_, keyed := literal.Elts[0].(*ast.KeyValueExpr)
	return !keyed
}
