#include "director/executor/rendered_archives.hpp"

#include "base/file.hpp"

namespace slipway::director {

namespace {

constexpr const char* store_step = "store_rendered";

}  // namespace

BlobId RenderedArchives::of(const Json& spec) {
  const auto archive = spec.find("rendered_templates_archive");
  return BlobId{archive == spec.end() || !archive->is_object() ? "" : archive->value("blobstore_id", "")};
}

Json RenderedArchives::store(const InstanceId& instance, const RenderedInstance& rendered,
                             const Json& current_spec) {
  const auto existing = of(current_spec);
  const bool same = !existing.empty() &&
                    current_spec.value("configuration_hash", "") == rendered.configuration_hash &&
                    services_.blobs.exists(existing);
  if (same) return current_spec.at("rendered_templates_archive");
  const auto step = services_.stores.journal.begin(
      task_.task().id, store_step, instance.value + "/" + rendered.configuration_hash,
      {{"instance", instance.value}, {"blob", services_.random.uuid()}, {"replaced", existing.value}},
      services_.clock.now());
  const BlobId id{step.intent.at("blob").get<std::string>()};
  const TempDir folder("rendered", services_.settings.work_folder);
  const auto archive = folder.path() / "rendered.tgz";
  write_archive(rendered, archive);
  services_.blobs.remove(id);  // of an attempt that was interrupted
  const auto blob = services_.blobs.put_file(archive, id);
  return {{"blobstore_id", blob.id.value}, {"sha1", "sha256:" + blob.sha256}};
}

void RenderedArchives::remove_unused() {
  for (const auto& step : services_.stores.journal.of_task(task_.task().id)) {
    if (step.kind != store_step) continue;
    const auto instance =
        services_.stores.instances.find(InstanceId{step.intent.at("instance").get<std::string>()});
    const auto used = instance ? of(instance->spec) : BlobId{};
    for (const char* key : {"blob", "replaced"}) {
      const BlobId blob{step.intent.at(key).get<std::string>()};
      if (!blob.empty() && blob != used) services_.blobs.remove(blob);
    }
  }
}

}  // namespace slipway::director
