// Drives the API with AWS's own client, and prints what it made of each answer.
import * as cf from "@aws-sdk/client-cloudfront";
import { text } from "node:stream/consumers";

const { endpoint, keys, group, distribution } = JSON.parse(await text(process.stdin));
const client = new cf.CloudFrontClient({
  endpoint, region: "us-east-1", maxAttempts: 1,
  credentials: { accessKeyId: process.env.KEY_ID, secretAccessKey: process.env.KEY },
});
const stranger = new cf.CloudFrontClient({
  endpoint, region: "us-east-1", maxAttempts: 1, credentials: { accessKeyId: process.env.KEY_ID, secretAccessKey: "another" },
});
const failure = async (call) => {
  try { await call; return "none"; } catch (e) { return `${e.$metadata?.httpStatusCode} ${e.name}`; }
};
const make = (EncodedKey, n) => ({ PublicKeyConfig: { CallerReference: "ref-" + n, Name: "key-" + n, EncodedKey, Comment: "made by a client" } });
const send = (Command, input) => client.send(new Command(input));

const made = [];
for (const [n, key] of keys.entries()) made.push(await send(cf.CreatePublicKeyCommand, make(key, n)));
const ids = made.map((m) => m.PublicKey.Id);
const listed = [];
let Marker;
do {
  const { PublicKeyList } = await send(cf.ListPublicKeysCommand, { Marker, MaxItems: 1 });
  listed.push(...(PublicKeyList.Items ?? []));
  Marker = PublicKeyList.NextMarker;
} while (Marker);
const before = await send(cf.GetKeyGroupCommand, { Id: group });
const config = (Items) => ({ Id: group, IfMatch: before.ETag, KeyGroupConfig: { Name: before.KeyGroup.KeyGroupConfig.Name, Items } });
const put = await send(cf.UpdateKeyGroupCommand, config([ids[0]]));
const shown = await send(cf.GetDistributionCommand, { Id: distribution });
const own = await send(cf.CreateKeyGroupCommand, { KeyGroupConfig: { Name: "own", Items: [ids[1]] } });
const remove = async (Id) => send(cf.DeletePublicKeyCommand, { Id, IfMatch: (await send(cf.GetPublicKeyCommand, { Id })).ETag });
const result = {
  ids, etag: Boolean(made[0].ETag && made[0].Location), listed: listed.map((k) => k.Id), same: listed.map((k) => k.EncodedKey === keys[ids.indexOf(k.Id)]),
  created: made[0].PublicKey.CreatedTime instanceof Date, comment: listed[0].Comment, items: put.KeyGroup.KeyGroupConfig.Items,
  status: shown.Distribution.Status, active: shown.Distribution.ActiveTrustedKeyGroups.Items[0].KeyGroupId,
  failures: {
    "the same name": await failure(send(cf.CreatePublicKeyCommand, make(keys[1], 0))),
    "no key": await failure(send(cf.CreatePublicKeyCommand, make("-----BEGIN PUBLIC KEY-----", 7))),
    "an old version": await failure(send(cf.UpdateKeyGroupCommand, config([ids[1]]))),
    "no version": await failure(send(cf.UpdateKeyGroupCommand, { ...config([ids[1]]), IfMatch: undefined })),
    "a key that is not there": await failure(send(cf.UpdateKeyGroupCommand, { ...config(["KX"]), IfMatch: put.ETag })),
    "a key in use": await failure(remove(ids[0])),
    "an unknown key": await failure(send(cf.GetPublicKeyCommand, { Id: "KX" })),
    "an unknown group": await failure(send(cf.GetKeyGroupCommand, { Id: "x" })),
    "the group of the distribution": await failure(send(cf.DeleteKeyGroupCommand, { Id: group, IfMatch: put.ETag })),
    "another secret": await failure(stranger.send(new cf.ListPublicKeysCommand({}))),
  },
};
await send(cf.DeleteKeyGroupCommand, { Id: own.KeyGroup.Id, IfMatch: own.ETag });
await remove(ids[1]);
result.left = (await send(cf.ListPublicKeysCommand, {})).PublicKeyList.Items.map((k) => k.Id);
console.log(JSON.stringify(result));
