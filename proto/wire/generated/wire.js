/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

// Common aliases
const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError;

// Exported root namespace
const $root = $protobuf.roots["default"] || ($protobuf.roots["default"] = {});

export const assay = $root.assay = (() => {

    /**
     * Namespace assay.
     * @exports assay
     * @namespace
     */
    const assay = {};

    assay.v1 = (function() {

        /**
         * Namespace v1.
         * @memberof assay
         * @namespace
         */
        const v1 = {};

        v1.Provider = (function() {

            /**
             * Properties of a Provider.
             * @typedef {Object} assay.v1.Provider.$Properties
             * @property {string|null} [peerId] Provider peerId
             * @property {Array.<string>|null} [addresses] Provider addresses
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a Provider.
             * @memberof assay.v1
             * @interface IProvider
             * @augments assay.v1.Provider.$Properties
             * @deprecated Use assay.v1.Provider.$Properties instead.
             */

            /**
             * Shape of a Provider.
             * @typedef {assay.v1.Provider.$Properties} assay.v1.Provider.$Shape
             */

            /**
             * Constructs a new Provider.
             * @memberof assay.v1
             * @classdesc Represents a Provider.
             * @constructor
             * @param {assay.v1.Provider.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Provider = function (properties) {
                this.addresses = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Provider peerId.
             * @member {string} peerId
             * @memberof assay.v1.Provider
             * @instance
             */
            Provider.prototype.peerId = "";

            /**
             * Provider addresses.
             * @member {Array.<string>} addresses
             * @memberof assay.v1.Provider
             * @instance
             */
            Provider.prototype.addresses = $util.emptyArray;

            /**
             * Encodes the specified Provider message. Does not implicitly {@link assay.v1.Provider.verify|verify} messages.
             * @function encode
             * @memberof assay.v1.Provider
             * @static
             * @param {assay.v1.Provider.$Properties} message Provider message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Provider.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.peerId != null && $Object.hasOwnProperty.call(message, "peerId") && message.peerId !== "")
                    writer.uint32(/* id 1, wireType 2 =*/10).string(message.peerId);
                if (message.addresses != null && message.addresses.length)
                    for (let i = 0; i < message.addresses.length; ++i)
                        writer.uint32(/* id 2, wireType 2 =*/18).string(message.addresses[i]);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Decodes a Provider message from the specified reader or buffer.
             * @function decode
             * @memberof assay.v1.Provider
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {assay.v1.Provider & assay.v1.Provider.$Shape} Provider
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Provider.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.assay.v1.Provider();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.peerId = value;
                            else
                                delete message.peerId;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if (!(message.addresses && message.addresses.length))
                                message.addresses = [];
                            message.addresses.push(reader.stringVerify());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Provider;
        })();

        v1.PeerAnnouncement = (function() {

            /**
             * Properties of a PeerAnnouncement.
             * @typedef {Object} assay.v1.PeerAnnouncement.$Properties
             * @property {Uint8Array|null} [network] PeerAnnouncement network
             * @property {number|null} [sequence] PeerAnnouncement sequence
             * @property {number|null} [role] PeerAnnouncement role
             * @property {Uint8Array|null} [account] PeerAnnouncement account
             * @property {assay.v1.Provider.$Properties|null} [provider] PeerAnnouncement provider
             * @property {Uint8Array|null} [signature] PeerAnnouncement signature
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a PeerAnnouncement.
             * @memberof assay.v1
             * @interface IPeerAnnouncement
             * @augments assay.v1.PeerAnnouncement.$Properties
             * @deprecated Use assay.v1.PeerAnnouncement.$Properties instead.
             */

            /**
             * Shape of a PeerAnnouncement.
             * @typedef {assay.v1.PeerAnnouncement.$Properties} assay.v1.PeerAnnouncement.$Shape
             */

            /**
             * Constructs a new PeerAnnouncement.
             * @memberof assay.v1
             * @classdesc Represents a PeerAnnouncement.
             * @constructor
             * @param {assay.v1.PeerAnnouncement.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const PeerAnnouncement = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * PeerAnnouncement network.
             * @member {Uint8Array} network
             * @memberof assay.v1.PeerAnnouncement
             * @instance
             */
            PeerAnnouncement.prototype.network = $util.newBuffer([]);

            /**
             * PeerAnnouncement sequence.
             * @member {number} sequence
             * @memberof assay.v1.PeerAnnouncement
             * @instance
             */
            PeerAnnouncement.prototype.sequence = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            /**
             * PeerAnnouncement role.
             * @member {number} role
             * @memberof assay.v1.PeerAnnouncement
             * @instance
             */
            PeerAnnouncement.prototype.role = 0;

            /**
             * PeerAnnouncement account.
             * @member {Uint8Array} account
             * @memberof assay.v1.PeerAnnouncement
             * @instance
             */
            PeerAnnouncement.prototype.account = $util.newBuffer([]);

            /**
             * PeerAnnouncement provider.
             * @member {assay.v1.Provider.$Properties|null|undefined} provider
             * @memberof assay.v1.PeerAnnouncement
             * @instance
             */
            PeerAnnouncement.prototype.provider = null;

            /**
             * PeerAnnouncement signature.
             * @member {Uint8Array} signature
             * @memberof assay.v1.PeerAnnouncement
             * @instance
             */
            PeerAnnouncement.prototype.signature = $util.newBuffer([]);

            /**
             * Encodes the specified PeerAnnouncement message. Does not implicitly {@link assay.v1.PeerAnnouncement.verify|verify} messages.
             * @function encode
             * @memberof assay.v1.PeerAnnouncement
             * @static
             * @param {assay.v1.PeerAnnouncement.$Properties} message PeerAnnouncement message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            PeerAnnouncement.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.network != null && $Object.hasOwnProperty.call(message, "network") && message.network.length)
                    writer.uint32(/* id 1, wireType 2 =*/10).bytes(message.network);
                if (message.sequence != null && $Object.hasOwnProperty.call(message, "sequence") && (typeof message.sequence === "object" ? message.sequence.low || message.sequence.high : message.sequence !== 0))
                    writer.uint32(/* id 2, wireType 0 =*/16).uint64(message.sequence);
                if (message.role != null && $Object.hasOwnProperty.call(message, "role") && message.role !== 0)
                    writer.uint32(/* id 3, wireType 0 =*/24).uint32(message.role);
                if (message.account != null && $Object.hasOwnProperty.call(message, "account") && message.account.length)
                    writer.uint32(/* id 4, wireType 2 =*/34).bytes(message.account);
                if (message.provider != null && $Object.hasOwnProperty.call(message, "provider"))
                    $root.assay.v1.Provider.encode(message.provider, writer.uint32(/* id 5, wireType 2 =*/42).fork(), _depth + 1).ldelim();
                if (message.signature != null && $Object.hasOwnProperty.call(message, "signature") && message.signature.length)
                    writer.uint32(/* id 6, wireType 2 =*/50).bytes(message.signature);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Decodes a PeerAnnouncement message from the specified reader or buffer.
             * @function decode
             * @memberof assay.v1.PeerAnnouncement
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {assay.v1.PeerAnnouncement & assay.v1.PeerAnnouncement.$Shape} PeerAnnouncement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            PeerAnnouncement.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.assay.v1.PeerAnnouncement();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.network = value;
                            else
                                delete message.network;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.sequence = value;
                            else
                                delete message.sequence;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.role = value;
                            else
                                delete message.role;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.account = value;
                            else
                                delete message.account;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            message.provider = $root.assay.v1.Provider.decode(reader, reader.size(), $undefined, _depth + 1, message.provider);
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.signature = value;
                            else
                                delete message.signature;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return PeerAnnouncement;
        })();

        v1.JobAnnouncement = (function() {

            /**
             * Properties of a JobAnnouncement.
             * @typedef {Object} assay.v1.JobAnnouncement.$Properties
             * @property {Uint8Array|null} [network] JobAnnouncement network
             * @property {number|null} [sequence] JobAnnouncement sequence
             * @property {Uint8Array|null} [submitter] JobAnnouncement submitter
             * @property {number|null} [nonce] JobAnnouncement nonce
             * @property {Uint8Array|null} [spec] JobAnnouncement spec
             * @property {Array.<assay.v1.Provider.$Properties>|null} [providers] JobAnnouncement providers
             * @property {Uint8Array|null} [signature] JobAnnouncement signature
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a JobAnnouncement.
             * @memberof assay.v1
             * @interface IJobAnnouncement
             * @augments assay.v1.JobAnnouncement.$Properties
             * @deprecated Use assay.v1.JobAnnouncement.$Properties instead.
             */

            /**
             * Shape of a JobAnnouncement.
             * @typedef {assay.v1.JobAnnouncement.$Properties} assay.v1.JobAnnouncement.$Shape
             */

            /**
             * Constructs a new JobAnnouncement.
             * @memberof assay.v1
             * @classdesc Represents a JobAnnouncement.
             * @constructor
             * @param {assay.v1.JobAnnouncement.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const JobAnnouncement = function (properties) {
                this.providers = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * JobAnnouncement network.
             * @member {Uint8Array} network
             * @memberof assay.v1.JobAnnouncement
             * @instance
             */
            JobAnnouncement.prototype.network = $util.newBuffer([]);

            /**
             * JobAnnouncement sequence.
             * @member {number} sequence
             * @memberof assay.v1.JobAnnouncement
             * @instance
             */
            JobAnnouncement.prototype.sequence = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            /**
             * JobAnnouncement submitter.
             * @member {Uint8Array} submitter
             * @memberof assay.v1.JobAnnouncement
             * @instance
             */
            JobAnnouncement.prototype.submitter = $util.newBuffer([]);

            /**
             * JobAnnouncement nonce.
             * @member {number} nonce
             * @memberof assay.v1.JobAnnouncement
             * @instance
             */
            JobAnnouncement.prototype.nonce = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            /**
             * JobAnnouncement spec.
             * @member {Uint8Array} spec
             * @memberof assay.v1.JobAnnouncement
             * @instance
             */
            JobAnnouncement.prototype.spec = $util.newBuffer([]);

            /**
             * JobAnnouncement providers.
             * @member {Array.<assay.v1.Provider.$Properties>} providers
             * @memberof assay.v1.JobAnnouncement
             * @instance
             */
            JobAnnouncement.prototype.providers = $util.emptyArray;

            /**
             * JobAnnouncement signature.
             * @member {Uint8Array} signature
             * @memberof assay.v1.JobAnnouncement
             * @instance
             */
            JobAnnouncement.prototype.signature = $util.newBuffer([]);

            /**
             * Encodes the specified JobAnnouncement message. Does not implicitly {@link assay.v1.JobAnnouncement.verify|verify} messages.
             * @function encode
             * @memberof assay.v1.JobAnnouncement
             * @static
             * @param {assay.v1.JobAnnouncement.$Properties} message JobAnnouncement message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            JobAnnouncement.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.network != null && $Object.hasOwnProperty.call(message, "network") && message.network.length)
                    writer.uint32(/* id 1, wireType 2 =*/10).bytes(message.network);
                if (message.sequence != null && $Object.hasOwnProperty.call(message, "sequence") && (typeof message.sequence === "object" ? message.sequence.low || message.sequence.high : message.sequence !== 0))
                    writer.uint32(/* id 2, wireType 0 =*/16).uint64(message.sequence);
                if (message.submitter != null && $Object.hasOwnProperty.call(message, "submitter") && message.submitter.length)
                    writer.uint32(/* id 3, wireType 2 =*/26).bytes(message.submitter);
                if (message.nonce != null && $Object.hasOwnProperty.call(message, "nonce") && (typeof message.nonce === "object" ? message.nonce.low || message.nonce.high : message.nonce !== 0))
                    writer.uint32(/* id 4, wireType 0 =*/32).uint64(message.nonce);
                if (message.spec != null && $Object.hasOwnProperty.call(message, "spec") && message.spec.length)
                    writer.uint32(/* id 5, wireType 2 =*/42).bytes(message.spec);
                if (message.providers != null && message.providers.length)
                    for (let i = 0; i < message.providers.length; ++i)
                        $root.assay.v1.Provider.encode(message.providers[i], writer.uint32(/* id 6, wireType 2 =*/50).fork(), _depth + 1).ldelim();
                if (message.signature != null && $Object.hasOwnProperty.call(message, "signature") && message.signature.length)
                    writer.uint32(/* id 7, wireType 2 =*/58).bytes(message.signature);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Decodes a JobAnnouncement message from the specified reader or buffer.
             * @function decode
             * @memberof assay.v1.JobAnnouncement
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {assay.v1.JobAnnouncement & assay.v1.JobAnnouncement.$Shape} JobAnnouncement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            JobAnnouncement.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.assay.v1.JobAnnouncement();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.network = value;
                            else
                                delete message.network;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.sequence = value;
                            else
                                delete message.sequence;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.submitter = value;
                            else
                                delete message.submitter;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.nonce = value;
                            else
                                delete message.nonce;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.spec = value;
                            else
                                delete message.spec;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if (!(message.providers && message.providers.length))
                                message.providers = [];
                            message.providers.push($root.assay.v1.Provider.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 7: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.signature = value;
                            else
                                delete message.signature;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return JobAnnouncement;
        })();

        v1.EntryAnnouncement = (function() {

            /**
             * Properties of an EntryAnnouncement.
             * @typedef {Object} assay.v1.EntryAnnouncement.$Properties
             * @property {Uint8Array|null} [network] EntryAnnouncement network
             * @property {number|null} [sequence] EntryAnnouncement sequence
             * @property {Uint8Array|null} [entry] EntryAnnouncement entry
             * @property {Array.<assay.v1.Provider.$Properties>|null} [providers] EntryAnnouncement providers
             * @property {Uint8Array|null} [signature] EntryAnnouncement signature
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of an EntryAnnouncement.
             * @memberof assay.v1
             * @interface IEntryAnnouncement
             * @augments assay.v1.EntryAnnouncement.$Properties
             * @deprecated Use assay.v1.EntryAnnouncement.$Properties instead.
             */

            /**
             * Shape of an EntryAnnouncement.
             * @typedef {assay.v1.EntryAnnouncement.$Properties} assay.v1.EntryAnnouncement.$Shape
             */

            /**
             * Constructs a new EntryAnnouncement.
             * @memberof assay.v1
             * @classdesc Represents an EntryAnnouncement.
             * @constructor
             * @param {assay.v1.EntryAnnouncement.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const EntryAnnouncement = function (properties) {
                this.providers = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * EntryAnnouncement network.
             * @member {Uint8Array} network
             * @memberof assay.v1.EntryAnnouncement
             * @instance
             */
            EntryAnnouncement.prototype.network = $util.newBuffer([]);

            /**
             * EntryAnnouncement sequence.
             * @member {number} sequence
             * @memberof assay.v1.EntryAnnouncement
             * @instance
             */
            EntryAnnouncement.prototype.sequence = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            /**
             * EntryAnnouncement entry.
             * @member {Uint8Array} entry
             * @memberof assay.v1.EntryAnnouncement
             * @instance
             */
            EntryAnnouncement.prototype.entry = $util.newBuffer([]);

            /**
             * EntryAnnouncement providers.
             * @member {Array.<assay.v1.Provider.$Properties>} providers
             * @memberof assay.v1.EntryAnnouncement
             * @instance
             */
            EntryAnnouncement.prototype.providers = $util.emptyArray;

            /**
             * EntryAnnouncement signature.
             * @member {Uint8Array} signature
             * @memberof assay.v1.EntryAnnouncement
             * @instance
             */
            EntryAnnouncement.prototype.signature = $util.newBuffer([]);

            /**
             * Encodes the specified EntryAnnouncement message. Does not implicitly {@link assay.v1.EntryAnnouncement.verify|verify} messages.
             * @function encode
             * @memberof assay.v1.EntryAnnouncement
             * @static
             * @param {assay.v1.EntryAnnouncement.$Properties} message EntryAnnouncement message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            EntryAnnouncement.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.network != null && $Object.hasOwnProperty.call(message, "network") && message.network.length)
                    writer.uint32(/* id 1, wireType 2 =*/10).bytes(message.network);
                if (message.sequence != null && $Object.hasOwnProperty.call(message, "sequence") && (typeof message.sequence === "object" ? message.sequence.low || message.sequence.high : message.sequence !== 0))
                    writer.uint32(/* id 2, wireType 0 =*/16).uint64(message.sequence);
                if (message.entry != null && $Object.hasOwnProperty.call(message, "entry") && message.entry.length)
                    writer.uint32(/* id 3, wireType 2 =*/26).bytes(message.entry);
                if (message.providers != null && message.providers.length)
                    for (let i = 0; i < message.providers.length; ++i)
                        $root.assay.v1.Provider.encode(message.providers[i], writer.uint32(/* id 4, wireType 2 =*/34).fork(), _depth + 1).ldelim();
                if (message.signature != null && $Object.hasOwnProperty.call(message, "signature") && message.signature.length)
                    writer.uint32(/* id 5, wireType 2 =*/42).bytes(message.signature);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Decodes an EntryAnnouncement message from the specified reader or buffer.
             * @function decode
             * @memberof assay.v1.EntryAnnouncement
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {assay.v1.EntryAnnouncement & assay.v1.EntryAnnouncement.$Shape} EntryAnnouncement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            EntryAnnouncement.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.assay.v1.EntryAnnouncement();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.network = value;
                            else
                                delete message.network;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.sequence = value;
                            else
                                delete message.sequence;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.entry = value;
                            else
                                delete message.entry;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if (!(message.providers && message.providers.length))
                                message.providers = [];
                            message.providers.push($root.assay.v1.Provider.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.signature = value;
                            else
                                delete message.signature;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return EntryAnnouncement;
        })();

        v1.ExchangeRequest = (function() {

            /**
             * Properties of an ExchangeRequest.
             * @typedef {Object} assay.v1.ExchangeRequest.$Properties
             * @property {Uint8Array|null} [jobId] ExchangeRequest jobId
             * @property {number|null} [epoch] ExchangeRequest epoch
             * @property {number|null} [step] ExchangeRequest step
             * @property {number|null} [level] ExchangeRequest level
             * @property {number|null} [replica] ExchangeRequest replica
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of an ExchangeRequest.
             * @memberof assay.v1
             * @interface IExchangeRequest
             * @augments assay.v1.ExchangeRequest.$Properties
             * @deprecated Use assay.v1.ExchangeRequest.$Properties instead.
             */

            /**
             * Shape of an ExchangeRequest.
             * @typedef {assay.v1.ExchangeRequest.$Properties} assay.v1.ExchangeRequest.$Shape
             */

            /**
             * Constructs a new ExchangeRequest.
             * @memberof assay.v1
             * @classdesc Represents an ExchangeRequest.
             * @constructor
             * @param {assay.v1.ExchangeRequest.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const ExchangeRequest = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * ExchangeRequest jobId.
             * @member {Uint8Array} jobId
             * @memberof assay.v1.ExchangeRequest
             * @instance
             */
            ExchangeRequest.prototype.jobId = $util.newBuffer([]);

            /**
             * ExchangeRequest epoch.
             * @member {number} epoch
             * @memberof assay.v1.ExchangeRequest
             * @instance
             */
            ExchangeRequest.prototype.epoch = 0;

            /**
             * ExchangeRequest step.
             * @member {number} step
             * @memberof assay.v1.ExchangeRequest
             * @instance
             */
            ExchangeRequest.prototype.step = 0;

            /**
             * ExchangeRequest level.
             * @member {number} level
             * @memberof assay.v1.ExchangeRequest
             * @instance
             */
            ExchangeRequest.prototype.level = 0;

            /**
             * ExchangeRequest replica.
             * @member {number} replica
             * @memberof assay.v1.ExchangeRequest
             * @instance
             */
            ExchangeRequest.prototype.replica = 0;

            /**
             * Encodes the specified ExchangeRequest message. Does not implicitly {@link assay.v1.ExchangeRequest.verify|verify} messages.
             * @function encode
             * @memberof assay.v1.ExchangeRequest
             * @static
             * @param {assay.v1.ExchangeRequest.$Properties} message ExchangeRequest message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            ExchangeRequest.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.jobId != null && $Object.hasOwnProperty.call(message, "jobId") && message.jobId.length)
                    writer.uint32(/* id 1, wireType 2 =*/10).bytes(message.jobId);
                if (message.epoch != null && $Object.hasOwnProperty.call(message, "epoch") && message.epoch !== 0)
                    writer.uint32(/* id 2, wireType 0 =*/16).uint32(message.epoch);
                if (message.step != null && $Object.hasOwnProperty.call(message, "step") && message.step !== 0)
                    writer.uint32(/* id 3, wireType 0 =*/24).uint32(message.step);
                if (message.level != null && $Object.hasOwnProperty.call(message, "level") && message.level !== 0)
                    writer.uint32(/* id 4, wireType 0 =*/32).uint32(message.level);
                if (message.replica != null && $Object.hasOwnProperty.call(message, "replica") && message.replica !== 0)
                    writer.uint32(/* id 5, wireType 0 =*/40).uint32(message.replica);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Decodes an ExchangeRequest message from the specified reader or buffer.
             * @function decode
             * @memberof assay.v1.ExchangeRequest
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {assay.v1.ExchangeRequest & assay.v1.ExchangeRequest.$Shape} ExchangeRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            ExchangeRequest.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.assay.v1.ExchangeRequest();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.jobId = value;
                            else
                                delete message.jobId;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.epoch = value;
                            else
                                delete message.epoch;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.step = value;
                            else
                                delete message.step;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.level = value;
                            else
                                delete message.level;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.replica = value;
                            else
                                delete message.replica;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return ExchangeRequest;
        })();

        v1.StatementRequest = (function() {

            /**
             * Properties of a StatementRequest.
             * @typedef {Object} assay.v1.StatementRequest.$Properties
             * @property {Uint8Array|null} [entry] StatementRequest entry
             * @property {number|null} [list] StatementRequest list
             * @property {number|null} [item] StatementRequest item
             * @property {number|null} [value] StatementRequest value
             * @property {number|null} [element] StatementRequest element
             * @property {number|null} [height] StatementRequest height
             * @property {number|null} [index] StatementRequest index
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a StatementRequest.
             * @memberof assay.v1
             * @interface IStatementRequest
             * @augments assay.v1.StatementRequest.$Properties
             * @deprecated Use assay.v1.StatementRequest.$Properties instead.
             */

            /**
             * Shape of a StatementRequest.
             * @typedef {assay.v1.StatementRequest.$Properties} assay.v1.StatementRequest.$Shape
             */

            /**
             * Constructs a new StatementRequest.
             * @memberof assay.v1
             * @classdesc Represents a StatementRequest.
             * @constructor
             * @param {assay.v1.StatementRequest.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const StatementRequest = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * StatementRequest entry.
             * @member {Uint8Array} entry
             * @memberof assay.v1.StatementRequest
             * @instance
             */
            StatementRequest.prototype.entry = $util.newBuffer([]);

            /**
             * StatementRequest list.
             * @member {number} list
             * @memberof assay.v1.StatementRequest
             * @instance
             */
            StatementRequest.prototype.list = 0;

            /**
             * StatementRequest item.
             * @member {number} item
             * @memberof assay.v1.StatementRequest
             * @instance
             */
            StatementRequest.prototype.item = 0;

            /**
             * StatementRequest value.
             * @member {number} value
             * @memberof assay.v1.StatementRequest
             * @instance
             */
            StatementRequest.prototype.value = 0;

            /**
             * StatementRequest element.
             * @member {number} element
             * @memberof assay.v1.StatementRequest
             * @instance
             */
            StatementRequest.prototype.element = 0;

            /**
             * StatementRequest height.
             * @member {number} height
             * @memberof assay.v1.StatementRequest
             * @instance
             */
            StatementRequest.prototype.height = 0;

            /**
             * StatementRequest index.
             * @member {number} index
             * @memberof assay.v1.StatementRequest
             * @instance
             */
            StatementRequest.prototype.index = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            /**
             * Encodes the specified StatementRequest message. Does not implicitly {@link assay.v1.StatementRequest.verify|verify} messages.
             * @function encode
             * @memberof assay.v1.StatementRequest
             * @static
             * @param {assay.v1.StatementRequest.$Properties} message StatementRequest message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            StatementRequest.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.entry != null && $Object.hasOwnProperty.call(message, "entry") && message.entry.length)
                    writer.uint32(/* id 1, wireType 2 =*/10).bytes(message.entry);
                if (message.list != null && $Object.hasOwnProperty.call(message, "list") && message.list !== 0)
                    writer.uint32(/* id 2, wireType 0 =*/16).uint32(message.list);
                if (message.item != null && $Object.hasOwnProperty.call(message, "item") && message.item !== 0)
                    writer.uint32(/* id 3, wireType 0 =*/24).uint32(message.item);
                if (message.value != null && $Object.hasOwnProperty.call(message, "value") && message.value !== 0)
                    writer.uint32(/* id 4, wireType 0 =*/32).uint32(message.value);
                if (message.element != null && $Object.hasOwnProperty.call(message, "element") && message.element !== 0)
                    writer.uint32(/* id 5, wireType 0 =*/40).uint32(message.element);
                if (message.height != null && $Object.hasOwnProperty.call(message, "height") && message.height !== 0)
                    writer.uint32(/* id 6, wireType 0 =*/48).uint32(message.height);
                if (message.index != null && $Object.hasOwnProperty.call(message, "index") && (typeof message.index === "object" ? message.index.low || message.index.high : message.index !== 0))
                    writer.uint32(/* id 7, wireType 0 =*/56).uint64(message.index);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Decodes a StatementRequest message from the specified reader or buffer.
             * @function decode
             * @memberof assay.v1.StatementRequest
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {assay.v1.StatementRequest & assay.v1.StatementRequest.$Shape} StatementRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            StatementRequest.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.assay.v1.StatementRequest();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.entry = value;
                            else
                                delete message.entry;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.list = value;
                            else
                                delete message.list;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.item = value;
                            else
                                delete message.item;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.value = value;
                            else
                                delete message.value;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.element = value;
                            else
                                delete message.element;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.height = value;
                            else
                                delete message.height;
                            continue;
                        }
                    case 7: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.index = value;
                            else
                                delete message.index;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return StatementRequest;
        })();

        return v1;
    })();

    return assay;
})();

export {
  $root as default
};
