/// One statement with its values, written as a string with interpolations.
///
///     let sql: SQL = "SELECT balance FROM heads WHERE account_id = \(account)"
///
/// An interpolated value is bound as a binary parameter and never becomes text of the statement,
/// so there is nothing to quote. Values are encoded at once, into one buffer.
package struct SQL: ExpressibleByStringInterpolation, Sendable {
    /// The text before, between and behind the parameters.
    private var pieces: [String]
    /// The parameters, each as a length or the mark of NULL, and its bytes.
    private(set) var fields: BinaryWriter
    private(set) var typeOIDs: [UInt32]

    package init(stringLiteral text: String) {
        pieces = [text]
        fields = BinaryWriter()
        typeOIDs = []
    }

    package init(stringInterpolation: StringInterpolation) {
        self = stringInterpolation.sql
    }

    /// The statement with `$1`, `$2`… for its parameters.
    package var text: String {
        var text = pieces[0]
        for (index, piece) in pieces.dropFirst().enumerated() {
            text += "$\(index + 1)"
            text += piece
        }
        return text
    }

    private mutating func append(text: String) {
        pieces[pieces.count - 1] += text
    }

    private mutating func append(_ value: some PostgresValue) {
        typeOIDs.append(type(of: value).typeOID)
        value.encodeField(into: &fields)
        pieces.append("")
    }

    private mutating func append<Scalar>(_ column: ArrayColumn<Scalar>) {
        typeOIDs.append(Scalar.arrayOID)
        column.encodeField(into: &fields)
        pieces.append("")
    }

    private mutating func append(_ other: SQL) {
        append(text: other.pieces[0])
        pieces += other.pieces.dropFirst()
        typeOIDs += other.typeOIDs
        fields.write(contentsOf: other.fields.bytes)
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var sql: SQL = ""

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) {
            sql.append(text: literal)
        }

        /// Binds a value.
        package mutating func appendInterpolation(_ value: some PostgresValue) {
            sql.append(value)
        }

        /// Binds a value or NULL.
        ///
        /// Not covered by the one above: the compiler warns of an optional in an interpolation
        /// unless it is asked for by name.
        package mutating func appendInterpolation<Value: PostgresValue>(_ value: Value?) {
            sql.append(value)
        }

        /// Binds an array.
        package mutating func appendInterpolation<Scalar>(_ column: ArrayColumn<Scalar>) {
            sql.append(column)
        }

        /// Binds a `bytea`.
        package mutating func appendInterpolation(_ bytes: [UInt8]) {
            sql.append(Bytea(bytes))
        }

        /// Binds a `bytea` or NULL.
        package mutating func appendInterpolation(_ bytes: [UInt8]?) {
            sql.append(bytes.map { Bytea($0) })
        }

        /// Inserts another statement or a part of one, together with its values.
        package mutating func appendInterpolation(_ part: SQL) {
            sql.append(part)
        }

        /// Inserts raw text, which must never come from outside: names of tables and channels.
        package mutating func appendInterpolation(unescaped text: String) {
            sql.append(text: text)
        }

        /// Inserts a quoted identifier: the name of a database or a channel.
        package mutating func appendInterpolation(identifier name: String) {
            var quoted = "\""
            for character in name.unicodeScalars {
                quoted.unicodeScalars.append(character)
                if character == "\"" { quoted.append("\"") }
            }
            sql.append(text: quoted + "\"")
        }
    }
}
