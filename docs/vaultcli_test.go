package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// vaultCommand is as much of Vault's command line as the pages use: read, write
// and token create, with -field. It makes the same requests.
func vaultCommand() {
	if err := runVault(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func runVault(args []string) error {
	method, field, path, body := http.MethodPut, "", "", map[string]any{}
	for _, arg := range args {
		name, value, pair := strings.Cut(arg, "=")
		switch {
		case arg == "read":
			method = http.MethodGet
		case arg == "create":
			path = "auth/token/create-orphan"
		case name == "-field":
			field = value
		case name == "-policy":
			body["policies"] = []string{value}
		case name == "-period":
			body["period"] = value
		case name == "-no-default-policy":
			body["no_default_policy"] = true
		case arg == "write" || arg == "token" || arg == "-f" || arg == "-orphan":
		case pair:
			body[name] = value
		default:
			path = arg
		}
	}
	response, err := askVault(method, path, body)
	if err != nil {
		return err
	}
	if field == "" {
		_, err = fmt.Println(string(response))
		return err
	}
	var parts struct{ Data, Auth map[string]any }
	if err := json.Unmarshal(response, &parts); err != nil {
		return err
	}
	if value, ok := parts.Data[field]; ok {
		_, err = fmt.Println(value)
		return err
	}
	_, err = fmt.Println(parts.Auth["client_"+field])
	return err
}

func askVault(method, path string, body map[string]any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(method, os.Getenv("VAULT_ADDR")+"/v1/"+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Vault-Token", os.Getenv("VAULT_TOKEN"))
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	response, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, response)
	}
	return response, err
}
