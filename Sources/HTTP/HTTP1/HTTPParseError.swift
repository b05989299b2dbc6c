/// Why a message was refused, and where. The kind gives the response's status and a short text for the log.
public struct HTTPParseError: Error, Sendable, Equatable {
    /// What is wrong.
    public let kind: Kind
    /// The offset of the first byte at fault, from the first byte that was given to the parser.
    public let position: Int

    @inlinable
    public init(_ kind: Kind, at position: Int) {
        self.kind = kind
        self.position = position
    }

    /// The status of the response to such a request; for a response it is 502 whatever the kind.
    public var status: HTTPStatus { kind.status }
    /// A few words for the log.
    public var text: StaticString { kind.text }

    /// The kinds of fault, each from one rule of RFC 9110 or RFC 9112.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case tooManyEmptyLines, badMethod, badTarget, badVersion, unsupportedVersion, http09, http2Preface
        case badStatusCode, badReason, bareCR, bareLF
        case badFieldName, spaceBeforeColon, obsoleteFolding, badFieldValue, missingColon
        case badContentLength, conflictingContentLength, badTransferEncoding, unknownTransferCoding
        case transferEncodingInOldVersion, lengthWithTransferEncoding
        case missingHost, repeatedHost, badHost, authorityMismatch
        case targetTooLong, headTooLarge, tooManyFields
        case badChunkSize, chunkSizeTooLarge, badChunkExtension, chunkHeaderTooLong, badChunkEnd
        case badTrailer, trailerTooLarge, forbiddenTrailer

        /// The status that tells the client what is wrong (RFC 9110 section 15.5, RFC 6585 section 5).
        public var status: HTTPStatus {
            switch self {
            case .targetTooLong: HTTPStatus(414)
            case .headTooLarge, .tooManyFields, .trailerTooLarge: HTTPStatus(431)
            case .unknownTransferCoding: HTTPStatus(501)
            case .unsupportedVersion, .http2Preface: HTTPStatus(505)
            default: HTTPStatus(400)
            }
        }

        /// A few words for the log.
        public var text: StaticString {
            switch self {
            case .tooManyEmptyLines: "too many empty lines before the start line"
            case .badMethod: "invalid method"
            case .badTarget: "invalid request target"
            case .badVersion: "invalid protocol version"
            case .unsupportedVersion: "unsupported protocol version"
            case .http09: "HTTP/0.9 request"
            case .http2Preface: "HTTP/2 connection preface"
            case .badStatusCode: "invalid status code"
            case .badReason: "invalid reason phrase"
            case .bareCR: "CR without LF"
            case .bareLF: "LF without CR"
            case .badFieldName: "invalid field name"
            case .spaceBeforeColon: "white space before the colon of a field"
            case .obsoleteFolding: "folded field line"
            case .badFieldValue: "invalid character in a field value"
            case .missingColon: "field line without a colon"
            case .badContentLength: "invalid Content-Length"
            case .conflictingContentLength: "conflicting Content-Length"
            case .badTransferEncoding: "invalid Transfer-Encoding"
            case .unknownTransferCoding: "unknown transfer coding"
            case .transferEncodingInOldVersion: "Transfer-Encoding before HTTP/1.1"
            case .lengthWithTransferEncoding: "Content-Length with Transfer-Encoding"
            case .missingHost: "missing Host"
            case .repeatedHost: "more than one Host"
            case .badHost: "invalid Host"
            case .authorityMismatch: "Host differs from the target's authority"
            case .targetTooLong: "request target too long"
            case .headTooLarge: "head too large"
            case .tooManyFields: "too many fields"
            case .badChunkSize: "invalid chunk size"
            case .chunkSizeTooLarge: "chunk size out of range"
            case .badChunkExtension: "invalid chunk extension"
            case .chunkHeaderTooLong: "chunk header too long"
            case .badChunkEnd: "chunk data not followed by CRLF"
            case .badTrailer: "invalid trailer field"
            case .trailerTooLarge: "trailer section too large"
            case .forbiddenTrailer: "field that is not allowed in a trailer section"
            }
        }
    }
}

/// What a parser says of the bytes so far.
public enum HeadParseResult: Sendable, Equatable {
    /// The head is not complete; call again with more bytes, the same ones first.
    case needMore
    /// The head is complete and takes this many bytes; what follows is the body, or the next message.
    case complete(headLength: Int)
    /// The head is refused.
    case failed(HTTPParseError)
}
