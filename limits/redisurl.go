package limits

import (
	"errors"
	"net"
	"net/url"
	"slices"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"playtoken/secret"
)

// forms are the schemes of a URL: what it names, and the parameters that it may
// have. The parameters have the names of those of go-redis' own URLs.
var forms = map[string]struct {
	plain      string // the scheme of one server with the same encryption
	cluster    bool
	port       string // where the URL has none
	parameters []string
}{
	"redis":           {plain: "redis", port: "6379"},
	"rediss":          {plain: "rediss", port: "6379"},
	"redis+sentinel":  {plain: "redis", port: "26379", parameters: ofSentinels},
	"rediss+sentinel": {plain: "rediss", port: "26379", parameters: ofSentinels},
	"redis+cluster":   {plain: "redis", cluster: true, port: "6379", parameters: []string{"addr"}},
	"rediss+cluster":  {plain: "rediss", cluster: true, port: "6379", parameters: []string{"addr"}},
}

var ofSentinels = []string{"addr", "master_name", "sentinel_username", "sentinel_password"}

// parseURL reads an address strictly, because ignoring an unknown option could
// remove a protection that the operator relies on.
func parseURL(address secret.Value) (*redis.UniversalOptions, error) {
	options, ok := parse(address.Reveal())
	if !ok {
		return nil, errors.New("malformed Redis URL: write redis://[user:password@]host[:port][/db], " +
			"redis+sentinel://[user:password@]host[:port][/db]?master_name=NAME or redis+cluster://[user:password@]host[:port], " +
			"with rediss for TLS, and &addr=host:port for each further sentinel or node")
	}
	options.ContextTimeoutEnabled = true
	options.PoolSize = redisPool
	options.MaxRetries, options.DialerRetries = -1, 1
	options.MinRetryBackoff = -1 // a redirect of a cluster is followed at once
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return options, nil
}

func parse(address string) (*redis.UniversalOptions, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Fragment != "" {
		return nil, false
	}
	form, known := forms[u.Scheme]
	query, err := url.ParseQuery(u.RawQuery)
	if !known || err != nil || len(form.parameters) == 0 && (u.RawQuery != "" || u.ForceQuery) {
		return nil, false
	}
	port := u.Port()
	if port == "" {
		port = form.port
	}
	one, err := redis.ParseURL((&url.URL{Scheme: form.plain, User: u.User, Host: net.JoinHostPort(u.Hostname(), port), Path: u.Path}).String())
	if err != nil || form.cluster && one.DB != 0 {
		return nil, false // a cluster has database 0 alone
	}
	options := &redis.UniversalOptions{
		Addrs: append([]string{one.Addr}, query["addr"]...), IsClusterMode: form.cluster,
		Username: one.Username, Password: one.Password, DB: one.DB, TLSConfig: one.TLSConfig,
		MasterName: query.Get("master_name"), SentinelUsername: query.Get("sentinel_username"), SentinelPassword: query.Get("sentinel_password"),
	}
	if one.TLSConfig != nil && len(form.parameters) > 0 {
		one.TLSConfig.ServerName = "" // each server shows a certificate for the address at which it was reached
	}
	sentinels := slices.Contains(form.parameters, "master_name")
	return options, sentinels == (options.MasterName != "") && wellFormed(query, form.parameters)
}

// wellFormed reports whether the parameters are known, are given once each, and name
// addresses with a port.
func wellFormed(query url.Values, known []string) bool {
	for name, values := range query {
		if !slices.Contains(known, name) || name != "addr" && len(values) > 1 {
			return false
		}
	}
	return !slices.ContainsFunc(query["addr"], func(address string) bool {
		host, port, err := net.SplitHostPort(address)
		return err != nil || host == "" || port == ""
	})
}

// sameServers reports whether two URLs differ in user and password alone.
func sameServers(a, b *redis.UniversalOptions) bool {
	return slices.Equal(a.Addrs, b.Addrs) && a.IsClusterMode == b.IsClusterMode && a.MasterName == b.MasterName && a.DB == b.DB &&
		(a.TLSConfig == nil) == (b.TLSConfig == nil) && a.SentinelUsername == b.SentinelUsername && a.SentinelPassword == b.SentinelPassword
}

// connect returns a client of what the options name.
func connect(options *redis.UniversalOptions) redis.UniversalClient {
	if !options.IsClusterMode {
		return redis.NewUniversalClient(options)
	}
	cluster := options.Cluster()
	cluster.DisableRoutingPolicies = true // which ask for the list of all commands first
	return redis.NewClusterClient(cluster)
}
