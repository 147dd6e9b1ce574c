package service

import (
	"cmp"
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/settings"
	"playtoken/signer"
)

// policies fill in what a project leaves to the deployment.
type policies struct{ set *settings.Settings }

func (p policies) inForce(project projects.Project) (signer.Policy, keyrotation.Policy) {
	return p.tokens(project.TokenPolicy), p.rotation(project)
}

func (p policies) tokens(t projects.TokenPolicy) signer.Policy {
	return signer.Policy{
		DefaultTTL: min(or(t.DefaultTTL, p.set.TokenTTL), p.maxTTL(t)), MaxTTL: p.maxTTL(t),
		AllowAllVideos: t.AllowAllVideos, AllowedClaims: t.AllowedClaims,
	}
}

func (p policies) maxTTL(t projects.TokenPolicy) time.Duration {
	return or(t.MaxTTL, p.set.Rotation.MaxTTL)
}

func (p policies) rotation(project projects.Project) keyrotation.Policy {
	policy, own := p.set.Rotation, project.RotationPolicy
	policy.MaxTTL = p.maxTTL(project.TokenPolicy)
	policy.RotateEvery = or(own.RotateEvery, policy.RotateEvery)
	policy.Durations.Propagation = or(own.PropagationDelay, policy.Durations.Propagation)
	if own.KeyBudget > 0 {
		policy.KeyBudget = own.KeyBudget
	}
	policy.KeySpec.Kind = cmp.Or(own.KeyKind, policy.KeySpec.Kind)
	return policy
}

// or is a project's own setting, in seconds, or else the deployment's.
func or(own int64, deployment time.Duration) time.Duration {
	if own > 0 {
		return time.Duration(own) * time.Second
	}
	return deployment
}

// afterIssuedKey is for how long what was bought with an issued key may be in
// use. No platform says whether that ends with the key.
const afterIssuedKey = 24 * time.Hour

// forIssued is a policy for keys that the platform makes.
func forIssued(policy keyrotation.Policy) keyrotation.Policy {
	policy.KeySpec, policy.MaxTTL = keyrotation.KeySpec{Issued: true}, afterIssuedKey
	return policy
}

// forFetched is a policy for keys that verifiers fetch from this service. What is
// published is served without the store for as long as PLAYTOKEN_MAX_STALENESS says,
// whether or not keys are held in memory.
func (p policies) forFetched(policy keyrotation.Policy, fetching platforms.Fetching) keyrotation.Policy {
	policy.Fetched = true
	policy.Durations.Propagation = max(policy.Durations.Propagation, fetching.Cache)
	policy.Durations.Staleness = max(policy.Durations.Staleness, p.set.MaxStaleness)
	return policy
}

// forPlatform is a policy for keys as an account takes them, and comes to know them.
func (p policies) forPlatform(policy keyrotation.Policy, kind platforms.Kind, opened platforms.Platform) keyrotation.Policy {
	if taken := kind.KeyKinds(opened); len(taken) > 0 && !slices.Contains(taken, policy.KeySpec.Kind) {
		policy.KeySpec.Kind = taken[0] // the deployment's kind is for platforms that take it
	}
	if most := kind.Offers.MaxKeys; most > 0 {
		policy.KeyBudget, policy.MaxKeys = min(policy.KeyBudget, most), most
	}
	switch {
	case opened.Issuer != nil:
		return forIssued(policy)
	case opened.Fetches != nil:
		return p.forFetched(policy, *opened.Fetches)
	case opened.Carries:
		policy.Carried = true
	}
	return policy
}

// accessKeys is the policy of the keys that sign access tokens.
func (p policies) accessKeys() keyrotation.Policy {
	policy := p.set.Rotation
	policy.MaxTTL = access.Lifetime
	policy.Durations.Propagation = policy.Durations.ViewAge    // a replica's view of the key set is no older
	policy.RotateEvery = max(policy.RotateEvery, 24*time.Hour) // no platform depends on these keys
	policy.KeyBudget = max(policy.KeyBudget, policy.KeysNeeded())
	return policy
}
