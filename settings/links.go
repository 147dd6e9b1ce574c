package settings

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Kubernetes gives every pod the addresses of the Services of its namespace. For
// a Service whose name begins like ours their names begin like our settings'.

// linkName is the name of a service link; the part that is matched says what its
// value is.
var linkName = regexp.MustCompile(`^PLAYTOKEN(?:_[A-Z0-9_]+?)??_(SERVICE_HOST|SERVICE_PORT|PORT|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_PROTO|_PORT|_ADDR)?|SERVICE_PORT_[A-Z0-9_]+)$`)

// isServiceLink reports whether a variable has both the name and the form of a
// service link. A mistyped setting has not.
func isServiceLink(name, value string) bool {
	match := linkName.FindStringSubmatch(name)
	if match == nil {
		return false
	}
	switch form := match[1]; {
	case form == "SERVICE_HOST", strings.HasSuffix(form, "_ADDR"):
		_, err := netip.ParseAddr(value)
		return err == nil
	case strings.HasSuffix(form, "_PROTO"):
		return value == "tcp" || value == "udp" || value == "sctp"
	case strings.HasPrefix(form, "SERVICE_PORT"), strings.HasSuffix(form, "_PORT"):
		n, err := strconv.ParseUint(value, 10, 16)
		return err == nil && n > 0
	}
	u, err := url.Parse(value)
	return err == nil && (u.Scheme == "tcp" || u.Scheme == "udp" || u.Scheme == "sctp") && u.Port() != "" && u.Path == ""
}
