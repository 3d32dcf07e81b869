import Schema
import Testing

@testable import Formats

@Suite struct JSONScannerTests {
    private func error(_ bytes: [UInt8]) -> JSONScanError? {
        var scanner = JSONScanner(bytes)
        do throws(JSONScanError) {
            try scanner.value()
            try scanner.finish()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "{}", "[]", " [ ] ", "null", "true", "false", "0", "-0", "-0.0e+1", "1E5", "123.456e-7",
        #""""#, #""\u0000\ud83d\ude00\"\\\/\b\f\n\r\t""#, "[1,[2,{\"a\":[]}]]", "\"😀é￿\u{7f}\"",
        #"{"a":1,"a":2}"#, #"{"":{"":null}}"#, "\t\r\n {\"a\" : [ 1 , 2 ] }\n", #""\ud800""#,
        "\"\u{2028}\u{10ffff}\"",
    ])
    func `valid JSON passes`(text: String) {
        #expect(error(bytes(text)) == nil)
    }

    @Test(arguments: [
        ("", JSONScanError.Kind.unexpectedEnd), (" ", .unexpectedEnd), ("{", .unexpectedEnd),
        ("[1", .unexpectedEnd), ("\"abc", .unexpectedEnd), ("\"\\", .unexpectedEnd),
        ("\"\\u12", .unexpectedEnd), ("tru", .unexpectedEnd), ("-", .unexpectedEnd),
        ("1.", .unexpectedEnd), ("1e", .unexpectedEnd), ("{\"a\"", .unexpectedEnd),
        ("{\"a\":", .unexpectedEnd), ("{\"a\":1", .unexpectedEnd),
        ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte), ("{,}", .unexpectedByte),
        ("{\"a\":1,}", .unexpectedByte), ("{a:1}", .unexpectedByte), ("{'a':1}", .unexpectedByte),
        ("[1 2]", .unexpectedByte), ("{\"a\" 1}", .unexpectedByte), ("{1:1}", .unexpectedByte),
        ("nul!", .unexpectedByte), ("True", .unexpectedByte), ("NaN", .unexpectedByte),
        ("+1", .unexpectedByte), (".5", .unexpectedByte), ("[1}", .unexpectedByte),
        ("-Infinity", .invalidNumber), ("1.e5", .invalidNumber), ("1e+x", .invalidNumber),
        ("-a", .invalidNumber), ("01", .trailingBytes), ("1 1", .trailingBytes),
        ("{}}", .trailingBytes), ("[]//", .trailingBytes), ("0x1", .trailingBytes),
        ("\"\\x\"", .invalidEscape), ("\"\\u12g4\"", .invalidEscape), ("\"\\'\"", .invalidEscape),
        ("\"a\nb\"", .controlCharacter), ("\"\u{0}\"", .controlCharacter),
        ("\"aaaaaaaaaaaa\u{1f}\"", .controlCharacter), ("\u{feff}{}", .unexpectedByte),
        ("\u{a0}1", .unexpectedByte),
    ])
    func `anything else is refused for its reason`(text: String, kind: JSONScanError.Kind) {
        #expect(error(bytes(text))?.kind == kind)
    }

    @Test(
        arguments: [
            [0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe0, 0x9f, 0xbf],
            [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xe2, 0x28, 0xa1], [0xf0, 0x8f, 0xbf, 0xbf],
            [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf0, 0x9f, 0x98], [0xff], [0xfe],
        ] as [[UInt8]]
    )
    func `text that is not UTF-8 is refused wherever it stands`(sequence: [UInt8]) {
        for padding in 0..<9 {
            let quote = UInt8(ascii: "\"")
            let string = [quote] + [UInt8](repeating: 0x61, count: padding) + sequence + [quote]
            #expect(error(string)?.kind == .invalidUTF8)
        }
    }

    @Test func `every Unicode scalar passes as UTF-8`() {
        for value in UInt32(0x20)...0x10ffff {
            guard let scalar = Unicode.Scalar(value), scalar != "\"", scalar != "\\" else {
                continue
            }
            let string = bytes("\"\(Character(scalar))\"")
            guard error(string) == nil else {
                Issue.record("U+\(String(value, radix: 16)) is refused")
                return
            }
        }
    }

    @Test func `nesting is bounded, and so is the stack`() {
        let most = JSONScanner.depthMax
        let deep = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        #expect(error(bytes(deep(most))) == nil)
        #expect(error(bytes(deep(most + 1)))?.kind == .tooDeep)
        #expect(error(bytes(String(repeating: "{\"a\":[", count: 500_000)))?.kind == .tooDeep)
    }

    @Test func `a plain run ends at the same byte however it is aligned`() {
        for special in [UInt8(ascii: "\""), backslash, 0x00, 0x1f, 0x80, 0xff] {
            for length in 0..<40 {
                let run = [UInt8](repeating: 0x7f, count: length) + [special] + [0x20, 0x21, 0x22]
                #expect(ByteScan.endOfPlainText(run, from: 0, to: run.count) == length)
            }
        }
        for byte in 0x20...UInt8(0x7f) where byte != UInt8(ascii: "\"") && byte != backslash {
            let run = [UInt8](repeating: byte, count: 17)
            #expect(ByteScan.endOfPlainText(run, from: 0, to: run.count) == 17)
        }
    }

    @Test func `random bytes and broken documents never crash`() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<5_000 {
            var input = Samples.claudeCode
            if Bool.random(using: &generator) {
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let index = Int.random(in: 0..<input.count, using: &generator)
                    input[index] = UInt8.random(in: 0...255, using: &generator)
                }
            } else {
                input = (0..<Int.random(in: 0...64, using: &generator)).map { _ in
                    bytes(#"{}[]",:\u0atrue1-.e "#).randomElement(using: &generator) ?? 0
                }
            }
            input = Array(input.prefix(Int.random(in: 0...input.count, using: &generator)))
            _ = error(input)
            _ = try? JSONObject(scanning: input)
            _ = try? CallFacts(endpoint: .messages, body: input)
            _ = try? CallFacts(endpoint: .chatCompletions, body: input)
        }
    }
}

@Suite struct JSONObjectTests {
    @Test func `fields are found in order, with their kinds and ranges`() throws {
        let body = bytes(#" {"a": 1, "b":[{}] ,"c":"x","d":true,"e":null,"f":{"a":1}} "#)
        let object = try JSONObject(scanning: body)
        #expect(object.fields.map(\.name.text) == ["a", "b", "c", "d", "e", "f"])
        let kinds: [JSONKind] = [.number, .array, .string, .boolean(true), .null, .object]
        #expect(object.fields.map(\.value.kind) == kinds)
        let texts = object.fields.map { String(decoding: body[$0.value.range], as: UTF8.self) }
        #expect(texts == ["1", "[{}]", "\"x\"", "true", "null", "{\"a\":1}"])
        #expect(object["e"] != nil)
        #expect(object.present("e") == nil)
        #expect(object["g"] == nil)
    }

    @Test(arguments: [#"{"a": null, "b" :  [ 1, 2]}"#, #"{"a":null,"b":[1,2]}"#])
    func `who only looks at a value has not read it, whatever white space is before`(
        text: String
    ) throws {
        let body = bytes(text)
        var scanner = JSONScanner(body, in: 0..<body.count)
        var count = 0
        try scanner.fields { (scanner, name) throws(JSONScanError) in
            count += 1
            _ = try scanner.peek()
        }
        try scanner.finish()
        #expect(count == 2)
    }

    @Test func `a repeated or escaped name is refused, for an upstream may take the other one`() {
        let duplicate = bytes(#"{"model":"cheap","x":1,"model":"dear"}"#)
        #expect(throws: JSONScanError(.duplicateName, at: 24)) {
            try JSONObject(scanning: duplicate)
        }
        #expect(throws: JSONScanError(.escapedName, at: 2)) {
            try JSONObject(scanning: bytes(#"{"mod\u0065l":"dear"}"#))
        }
    }

    @Test func `the number of fields is bounded`() throws {
        let fields = (0...JSONObject.fieldCountMax).map { "\"f\($0)\":1" }
        #expect(throws: JSONScanError.self) {
            try JSONObject(scanning: bytes("{" + fields.joined(separator: ",") + "}"))
        }
        let fewer = fields.dropLast().joined(separator: ",")
        #expect(try JSONObject(scanning: bytes("{\(fewer)}")).fields.count == 128)
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("42", 42), ("-7", -7), ("9223372036854775807", .max),
            ("9223372036854775808", .max), ("-9223372036854775808", .min),
            ("-99999999999999999999999", .min), ("99999999999999999999999", .max),
            ("1.0", nil), ("1e3", nil), ("99999999999999999999.5", nil), ("\"1\"", nil),
            ("null", nil),
            ("true", nil),
        ] as [(String, Int64?)]
    )
    func `integers are read as written, and only integers`(text: String, expected: Int64?) throws {
        var scanner = JSONScanner(bytes(text))
        #expect(try scanner.value().integer(in: bytes(text)) == expected)
    }

    @Test(
        arguments: [
            (#""plain""#, "plain"), (#""\u00e9\n\/\\\"\b\f\r\t""#, "é\n/\\\"\u{8}\u{c}\r\t"),
            (#""\ud83d\ude00!""#, "😀!"), (#""😀""#, "😀"), (#""""#, ""),
            (#""\ud800""#, nil), (#""\udc00x""#, nil), (#""\ud800\u0041""#, nil),
            (#""\ud800\n""#, nil), ("1", nil),
        ] as [(String, String?)]
    )
    func `strings are decoded, and half a surrogate pair is no text`(
        text: String,
        expected: String?
    ) throws {
        var scanner = JSONScanner(bytes(text))
        #expect(try scanner.value().string(in: bytes(text)) == expected)
    }

    @Test func `what is written as JSON reads back the same`() throws {
        let hostile = (0..<0x80).map { String(UnicodeScalar(UInt8($0))) }.joined() + "é😀\u{2028}"
        let written = [UInt8](json: hostile)
        var scanner = JSONScanner(written)
        #expect(try scanner.value().string(in: written) == hostile)
        #expect(!written.contains(lineFeed))
    }
}
