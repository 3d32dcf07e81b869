@testable import Formats

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// A generator whose runs repeat, so that a failure can be found again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}

/// Requests in the shapes that real clients send.
enum Samples {
    static let chat = bytes(
        #"""
        {"model":"gpt-5.4-mini","messages":[{"role":"system","content":"Be brief."},
        {"role":"user","content":[{"type":"text","text":"Grüße \u00e9"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo","detail":"low"}}]}],
        "max_tokens": 300, "stream":true,"stream_options":{"include_obfuscation":false},
        "temperature":0.7,"metadata":{"a":1},"seed":7}
        """#
    )

    /// What Claude Code sends, shortened: system blocks with cache control, adaptive thinking,
    /// tools without a type, and an edit of the context that only clears.
    static let claudeCode = bytes(
        #"""
        {"model":"claude-opus-5-5","messages":[{"role":"user","content":[{"type":"text","text":"say hi",
        "cache_control":{"type":"ephemeral"}}]},{"role":"system","content":"mid"}],
        "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.331"},
        {"type":"text","text":"You are Claude Code.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "tools":[{"name":"Bash","description":"Runs","input_schema":{"type":"object","properties":
        {"na\u00efve":{"type":"string"}}}}],"metadata":{"user_id":"u"},"max_tokens":128000,
        "thinking":{"type":"adaptive"},"output_config":{"effort":"high"},
        "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"stream":true}
        """#
    )
}
