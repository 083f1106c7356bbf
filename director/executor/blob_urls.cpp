#include "director/executor/blob_urls.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

constexpr int first_api_version_with_urls = 3;
// Agents work off their tasks one after the other, and a compilation may take hours.
constexpr auto get_lifetime = 6h;
constexpr auto put_lifetime = 24h;

}  // namespace

bool takes_signed_urls(const ExecutorSettings& settings, int stemcell_api_version) {
  return settings.sign_url && stemcell_api_version >= first_api_version_with_urls;
}

std::string url_to_get(const ExecutorSettings& settings, const BlobId& blob) {
  return settings.sign_url("GET", blob, get_lifetime);
}

std::string url_to_put(const ExecutorSettings& settings, const BlobId& blob) {
  return settings.sign_url("PUT", blob, put_lifetime);
}

Json blobstores_for(const ExecutorSettings& settings, int stemcell_api_version) {
  Json blobstores = settings.agent_blobstores;
  if (!takes_signed_urls(settings, stemcell_api_version)) return blobstores;
  for (auto& blobstore : blobstores) {
    for (const char* secret : {"user", "password"}) blobstore["options"].erase(secret);
  }
  return blobstores;
}

Json with_url(const ExecutorSettings& settings, Json blob) {
  const BlobId id{blob.value("blobstore_id", "")};
  if (!id.empty()) blob["signed_url"] = url_to_get(settings, id);
  return blob;
}

Json spec_as_sent(const ExecutorSettings& settings, const VmRecord& vm, Json spec) {
  if (!takes_signed_urls(settings, vm.stemcell_api_version)) return spec;
  if (const auto packages = spec.find("packages"); packages != spec.end()) {
    for (auto& package : *packages) package = with_url(settings, std::move(package));
  }
  if (const auto archive = spec.find("rendered_templates_archive"); archive != spec.end()) {
    *archive = with_url(settings, std::move(*archive));
  }
  return spec;
}

}  // namespace slipway::director
