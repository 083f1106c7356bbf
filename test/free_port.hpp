#pragma once

namespace slipway::test {

// A port of the loopback that nobody listened on a moment ago.
int free_port();

}  // namespace slipway::test
