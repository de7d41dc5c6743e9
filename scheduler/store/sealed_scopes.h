// Scopes of the registry's sealed boxes. Released ones never change: old boxes would not open.
#pragma once

namespace batuta {

inline constexpr char variable_scope[] = "variable.value";
inline constexpr char password_scope[] = "connection.password";
inline constexpr char extra_scope[] = "connection.extra";

}  // namespace batuta
