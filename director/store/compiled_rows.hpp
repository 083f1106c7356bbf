#pragma once

#include <string>

#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

// Rows of compiled packages inside a transaction of somebody else's.
namespace slipway::director {

// The row that is there stays: two compilers of one package, or the same upload again.
CompiledPackageRecord insert_compiled_row(sql::Session& session, std::int64_t package_id,
                                          CompiledPackageRecord compiled);
// The row gets this blob, or is made; the blob it had is returned.
BlobId replace_compiled_row(sql::Session& session, std::int64_t package_id, const CompiledPackageRecord& compiled);

// By any job, package or compiled package.
bool blob_in_use_by_any(sql::Session& session, const std::string& blob);

}  // namespace slipway::director
