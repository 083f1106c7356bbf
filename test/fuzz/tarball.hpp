#pragma once

#include <string>
#include <string_view>

namespace slipway::fuzz {

// A tar from text, so that mutations reach past headers and checksums:
//
//   @ NAME [TYPE [LINK]]    an entry; its content are the lines below
//   @@ NAME [TYPE [LINK]]   an entry of the tar that is the entry above
//
// TYPE is tar's type flag, "0" without. "SHA1(NAME)" in a content stands for the digest of the
// entry NAME, wherever it is. Input that begins with "!" is the tar itself, byte by byte.
std::string tar_of(std::string_view input);

}  // namespace slipway::fuzz
