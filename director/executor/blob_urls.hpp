#pragma once

#include <string>

#include "director/executor/services.hpp"

// How agents get at blobs. One of a stemcell of API version 3 or later is given, with each message, a
// URL for each blob in it, signed for that blob and for a while. Older ones know the blobstore's
// password, from the env of their VM. Source: contracts/agent-cpi.md sections 2 and 5.
namespace slipway::director {

bool takes_signed_urls(const ExecutorSettings& settings, int stemcell_api_version);

std::string url_to_get(const ExecutorSettings& settings, const BlobId& blob);
// Nothing that is there already can be replaced by it.
std::string url_to_put(const ExecutorSettings& settings, const BlobId& blob);

// env.bosh.blobstores: without user and password where URLs are signed.
Json blobstores_for(const ExecutorSettings& settings, int stemcell_api_version);

// {blobstore_id, …} with its URL.
Json with_url(const ExecutorSettings& settings, Json blob);
// An apply spec as this VM's agent is sent it. Never to be stored: the URLs run out.
Json spec_as_sent(const ExecutorSettings& settings, const VmRecord& vm, Json spec);

}  // namespace slipway::director
