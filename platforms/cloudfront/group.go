package cloudfront

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"playtoken/platforms"
	"playtoken/platforms/client"
)

var _ platforms.KeyList = (*account)(nil)

// Read implements [platforms.KeyList]. The list is deployed when every distribution
// says so, and shows the same keys for the group.
func (a *account) Read(ctx context.Context) (platforms.List, error) {
	out, err := a.keyGroup(ctx)
	if err != nil {
		return platforms.List{}, err
	}
	list := platforms.List{KeyIDs: out.KeyGroup.KeyGroupConfig.Items, Version: aws.ToString(out.ETag), Deployed: true}
	for _, id := range a.distributions {
		active, deployed, err := a.trusted(ctx, id)
		if err != nil {
			return platforms.List{}, err
		}
		list.Deployed = list.Deployed && deployed && sameKeys(active, list.KeyIDs)
	}
	return list, nil
}

func sameKeys(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (a *account) keyGroup(ctx context.Context) (*api.GetKeyGroupOutput, error) {
	out, err := call(ctx, a, a.calls.GetKeyGroup, &api.GetKeyGroupInput{Id: aws.String(a.group)})
	switch {
	case err != nil:
		return nil, fmt.Errorf("get key group %s: %w", a.group, err)
	case out.KeyGroup == nil || out.KeyGroup.KeyGroupConfig == nil || aws.ToString(out.KeyGroup.Id) != a.group || aws.ToString(out.ETag) == "":
		return nil, errors.New("get key group: the answer is about something else")
	}
	return out, nil
}

// trusted are the keys of the group by which a distribution verifies, and whether all
// of its servers do.
func (a *account) trusted(ctx context.Context, id string) (keys []string, deployed bool, err error) {
	out, err := call(ctx, a, a.calls.GetDistribution, &api.GetDistributionInput{Id: aws.String(id)})
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("get distribution %s: %w", id, err)
	case out.Distribution == nil || aws.ToString(out.Distribution.Id) != id:
		return nil, false, errors.New("get distribution: the answer is about something else")
	}
	if groups := out.Distribution.ActiveTrustedKeyGroups; groups != nil {
		for _, group := range groups.Items {
			if aws.ToString(group.KeyGroupId) == a.group && group.KeyPairIds != nil {
				keys = group.KeyPairIds.Items
			}
		}
	}
	return keys, aws.ToString(out.Distribution.Status) == "Deployed", nil
}

// Replace implements [platforms.KeyList]. All fields are replaced, so the others are
// read before; a change of those meanwhile has another version, too.
func (a *account) Replace(ctx context.Context, keyIDs []string, version string) error {
	before, err := a.keyGroup(ctx)
	if err != nil {
		return err
	}
	if aws.ToString(before.ETag) != version {
		return platforms.ErrListChanged
	}
	config := before.KeyGroup.KeyGroupConfig
	_, err = call(ctx, a, a.calls.UpdateKeyGroup, &api.UpdateKeyGroupInput{
		Id: aws.String(a.group), IfMatch: aws.String(version),
		KeyGroupConfig: &types.KeyGroupConfig{Name: config.Name, Comment: config.Comment, Items: keyIDs},
	})
	if refusedWith(err, http.StatusPreconditionFailed, http.StatusConflict) || codeOf(err) == "InvalidIfMatchVersion" {
		return platforms.ErrListChanged
	}
	if err != nil {
		return fmt.Errorf("update key group %s: %w", a.group, err)
	}
	return nil
}

// codeOf is what AWS calls a refusal.
func codeOf(err error) string {
	status, _ := errors.AsType[*client.StatusError](err)
	if status == nil {
		return ""
	}
	return status.Code
}

// Check asks what the rotation needs to read.
func (a *account) Check(ctx context.Context) (platforms.Health, error) {
	group, err := a.keyGroup(ctx)
	if err != nil {
		return platforms.Health{}, fmt.Errorf("check credential: %w", err)
	}
	for _, id := range a.distributions {
		active, deployed, err := a.trusted(ctx, id)
		if err != nil {
			return platforms.Health{}, fmt.Errorf("check credential: %w", err)
		}
		if len(active) == 0 && deployed && len(group.KeyGroup.KeyGroupConfig.Items) > 0 {
			return platforms.Health{}, fmt.Errorf("distribution %s does not trust the key group %s: add it to a cache behavior", id, a.group)
		}
	}
	return platforms.Health{Detail: fmt.Sprintf("the key group %s has %d keys", a.group, len(group.KeyGroup.KeyGroupConfig.Items))}, nil
}
