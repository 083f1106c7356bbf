#include "cpi/aws/stemcells.hpp"

#include <algorithm>
#include <filesystem>

#include "base/digest.hpp"
#include "cpi/aws/names.hpp"
#include "cpi/aws/snapshot_upload.hpp"
#include "cpi/aws/volume_wish.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr std::string_view light_suffix = " light";

Image read_image(const Reply& item) {
  Image image{.id = item.text("imageId"),
              .state = item.text("imageState"),
              .reason = item.text("stateReason/message"),
              .root_device = item.text("rootDeviceName"),
              .architecture = item.text("architecture")};
  for (const auto& device : item.items("blockDeviceMapping")) {
    if (device.text("deviceName") == image.root_device)
      image.root_gib = device.integer("ebs/volumeSize").value_or(0);
    if (const auto snapshot = device.text("ebs/snapshotId"); !snapshot.empty())
      image.snapshots.push_back(snapshot);
  }
  return image;
}

// What asks EC2 for a stemcell's image: by id, or by the name that one of ours has. Absent: the cid is
// neither.
std::optional<Query> look_up(const StemcellCid& stemcell) {
  std::string id = stemcell.value;
  if (id.ends_with(light_suffix)) id.resize(id.size() - light_suffix.size());
  if (is_ec2_id(id, "ami")) return Query("DescribeImages").list("ImageId", {id});
  if (is_client_token(id)) return Query("DescribeImages").list("Owner", {"self"}).filter("name", {id});
  return std::nullopt;
}

std::string text_of(const Json& properties, const char* key, const std::string& otherwise) {
  const auto found = properties.find(key);
  return found != properties.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

[[noreturn]] void refuse(const std::string& message) {
  throw CpiError(ErrorType::cloud_error, Fault::invalid, message, false);
}

bool is_broken(const Image& image) {
  return image.state == "failed" || image.state == "error" || image.state == "invalid";
}

bool holds(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool wants_encryption(const Json& properties, const AwsConfig& config) {
  const auto found = properties.find("encrypted");
  return found != properties.end() && found->is_boolean() ? found->get<bool>() : config.encrypted;
}

}  // namespace

std::optional<Image> find_image(const Api& api, const StemcellCid& stemcell) {
  const auto query = look_up(stemcell);
  if (!query) return std::nullopt;
  try {
    for (const auto& item : api.pages(*query, "imagesSet")) {
      auto image = read_image(item);
      if (image.state != "deregistered") return image;
    }
  } catch (const AwsError& error) {
    if (!error.is("InvalidAMIID")) throw;
  }
  return std::nullopt;
}

Patience Stemcells::patience(const std::string& what) const {
  return Patience(api_.clock(), config_.first_poll, config_.snapshot_limit, what);
}

StemcellCid Stemcells::create(const std::string& image_path, const Json& given, const Json& tags) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(image_path, error))
    refuse("stemcell image '" + image_path + "' is not a file");
  auto properties = given.is_object() ? given : Json(Json::object());
  properties.update(config_.stemcell);
  const auto ami = properties.find("ami");
  return ami != properties.end() && ami->is_object() && !ami->empty()
             ? create_light(properties, tags)
             : create_heavy(image_path, properties, tags);
}

// What an earlier call could not complete makes room for another try.
bool Stemcells::is_there(const StemcellCid& stemcell) {
  const auto image = find_image(api_, stemcell);
  if (image && is_broken(*image)) remove(stemcell);
  return image && !is_broken(*image);
}

StemcellCid Stemcells::create_light(const Json& properties, const Json& tags) {
  const auto& amis = properties["ami"];
  const auto id = text_of(amis, api_.region().c_str(), "");
  if (id.empty()) {
    std::string regions;
    for (const auto& [region, unused] : amis.items()) regions += (regions.empty() ? "" : ", ") + region;
    refuse("the light stemcell has no AMI for region " + api_.region() + "; it has for " + regions);
  }
  if (!find_image(api_, {id}))
    refuse("the light stemcell's AMI '" + id + "' is not in region " + api_.region() + " for this account");
  if (!wants_encryption(properties, config_)) return {id + std::string(light_suffix)};

  const auto key = text_of(properties, "kms_key_arn", config_.kms_key_arn);
  const auto digest = client_token("encrypted copy", id + "/" + key, 0);
  if (is_there({digest})) return when_available({digest});
  const auto all = merged(merged(to_tags(config_.tags), to_tags(tags)), {{stemcell_tag, digest}});
  const auto copy = api_.ec2(Query("CopyImage")
                                 .set("SourceImageId", id)
                                 .set("SourceRegion", api_.region())
                                 .set("Name", digest)
                                 .set("Encrypted", true)
                                 .set_if("KmsKeyId", key)
                                 .set("ClientToken", digest)
                                 .tag_specification("image", all)
                                 .tag_specification("snapshot", all));
  if (copy.text("imageId").empty())
    throw Error(Fault::outcome_unknown, "CopyImage: the reply names no image");
  return when_available({digest});
}

StemcellCid Stemcells::create_heavy(const std::string& image_path, const Json& properties, const Json& tags) {
  if (text_of(properties, "virtualization_type", "hvm") != "hvm")
    refuse("cloud_properties.virtualization_type is not hvm, which is all that is supported");
  const auto key = wants_encryption(properties, config_)
                       ? "/" + text_of(properties, "kms_key_arn", config_.kms_key_arn)
                       : "";
  const auto digest = client_token("stemcell", sha256_of_file(image_path) + key, 0);
  if (is_there({digest})) return when_available({digest});
  const auto all = merged(merged(to_tags(config_.tags), to_tags(tags)), {{stemcell_tag, digest}});
  const auto snapshot = snapshot_of(image_path, properties, digest, all);
  register_image(snapshot, properties, digest, all);
  return when_available({digest});
}

// One that an earlier call has left is used if it is whole.
std::string Stemcells::snapshot_of(const std::string& image_path, const Json& properties,
                                   const std::string& digest, const Tags& tags) const {
  std::string snapshot;
  for (const auto& known : snapshots_made_for(digest)) {
    if (known.state == "completed") snapshot = known.id;
    if (known.state == "error") delete_snapshot(known.id);
  }
  if (snapshot.empty()) {
    const auto disk = properties.find("disk");
    const auto mib = disk != properties.end() && disk->is_number_integer() ? disk->get<std::int64_t>() : 0;
    snapshot = upload_snapshot(api_, {.image_path = image_path,
                                      .volume_gib = gib_of(mib),
                                      .encrypted = wants_encryption(properties, config_),
                                      .kms_key_arn = text_of(properties, "kms_key_arn", config_.kms_key_arn),
                                      .description = "slipway " + text_of(properties, "name", "stemcell") +
                                                     " " + text_of(properties, "version", ""),
                                      .tags = tags,
                                      .threads = config_.upload_threads});
  }
  auto waiting = patience("waiting until " + snapshot + " is completed");
  for (;;) {
    const auto found =
        api_.ec2(Query("DescribeSnapshots").list("SnapshotId", {snapshot})).items("snapshotSet");
    const auto state = found.empty() ? std::string() : found.front().text("status");
    if (state == "completed") return snapshot;
    if (state == "error")
      throw CpiError(ErrorType::cloud_error, "EC2 could not complete snapshot " + snapshot + ": " +
                                                 found.front().text("statusMessage"));
    waiting.pause();
  }
}

void Stemcells::register_image(const std::string& snapshot, const Json& properties, const std::string& digest,
                               const Tags& tags) const {
  const auto root = text_of(properties, "root_device_name", "/dev/xvda");
  Query query("RegisterImage");
  query.set("Name", digest)
      .set("Description", text_of(properties, "name", "stemcell") + " " + text_of(properties, "version", ""))
      .set("Architecture", text_of(properties, "architecture", "x86_64"))
      .set("VirtualizationType", "hvm")
      .set("RootDeviceName", root)
      .set("EnaSupport", true)
      .set("SriovNetSupport", "simple")
      .set("ImdsSupport", "v2.0")
      .set_if("BootMode", text_of(properties, "boot_mode", ""))
      .set("BlockDeviceMapping.1.DeviceName", root)
      .set("BlockDeviceMapping.1.Ebs.SnapshotId", snapshot)
      .set("BlockDeviceMapping.1.Ebs.DeleteOnTermination", true)
      .set("BlockDeviceMapping.1.Ebs.VolumeType", "gp3");
  auto named = tags;
  named["Name"] = text_of(properties, "name", "stemcell") + " " + text_of(properties, "version", "");
  query.tag_specification("image", named);
  try {
    api_.ec2(query);
  } catch (const AwsError& error) {
    // An image's name is unique: an earlier call, or one at the same time, has registered it.
    if (!error.is("InvalidAMIName.Duplicate")) throw;
    const auto known = find_image(api_, {digest});
    if (!known) throw;
    // Over another call's snapshot: then this one serves nobody.
    for (const auto& other : snapshots_made_for(digest)) {
      if (other.id != snapshot && holds(known->snapshots, other.id)) delete_snapshot(snapshot);
    }
  }
}

StemcellCid Stemcells::when_available(const StemcellCid& stemcell) const {
  auto waiting = patience("waiting until " + stemcell.value + " is available");
  for (bool seen = false;;) {
    const auto image = find_image(api_, stemcell);
    if (image && image->state == "available") return stemcell;
    if ((image && is_broken(*image)) || (!image && seen)) {
      throw CpiError(ErrorType::cloud_error, "EC2 could not make the image of " + stemcell.value +
                                                 (image ? ": " + image->reason : ""));
    }
    seen = image.has_value();
    waiting.pause();
  }
}

void Stemcells::remove(const StemcellCid& stemcell) {
  if (stemcell.value.ends_with(light_suffix)) return;  // it is its publisher's
  std::vector<std::string> snapshots;
  const auto image = find_image(api_, stemcell);
  if (image) {
    try {
      api_.ec2(Query("DeregisterImage").set("ImageId", image->id));
    } catch (const AwsError& error) {
      if (!error.is("InvalidAMIID")) throw;
    }
    snapshots = image->snapshots;
  }
  // Also those of an image whose deletion was cut short.
  if (is_client_token(stemcell.value)) {
    for (const auto& snapshot : snapshots_made_for(stemcell.value)) {
      if (!holds(snapshots, snapshot.id)) snapshots.push_back(snapshot.id);
    }
  }
  for (const auto& snapshot : snapshots) delete_snapshot(snapshot);
}

std::vector<Stemcells::Snapshot> Stemcells::snapshots_made_for(const std::string& digest) const {
  std::vector<Snapshot> found;
  const auto query =
      Query("DescribeSnapshots").list("Owner", {"self"}).filter(std::string("tag:") + stemcell_tag, {digest});
  for (const auto& item : api_.pages(query, "snapshotSet")) {
    found.push_back({item.text("snapshotId"), item.text("status")});
  }
  return found;
}

void Stemcells::delete_snapshot(const std::string& id) const {
  try {
    api_.ec2(Query("DeleteSnapshot").set("SnapshotId", id));
  } catch (const AwsError& error) {
    if (!error.is("InvalidSnapshot.NotFound")) throw;
  }
}

}  // namespace slipway::cpi::aws
