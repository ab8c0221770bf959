//! Two macros which write the same derives for every content type, so that a field is stated once:
//! as Rust, as JSON, and (feature `graphql`) as a GraphQL object and input.
//! Not for behaviour: anything computed lives in ordinary functions.

/// Declares a record of note content. Every field is `Option<T>` or `Vec<T>`, because drafts may be
/// incomplete. Unknown JSON fields are refused; absent and empty fields are not written.
macro_rules! content {
    ($(#[$meta:meta])* pub struct $name:ident as $input:tt { $($body:tt)* }) => {
        content!(@munch [$(#[$meta])*] $name $input [] $($body)*);
    };
    (@munch [$($meta:tt)*] $name:ident $input:tt [$($done:tt)*]
        $(#[$fmeta:meta])* $field:ident : Option<$ty:ty>, $($rest:tt)*) => {
        content!(@munch [$($meta)*] $name $input [$($done)*
            $(#[$fmeta])*
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $field: Option<$ty>,
        ] $($rest)*);
    };
    (@munch [$($meta:tt)*] $name:ident $input:tt [$($done:tt)*]
        $(#[$fmeta:meta])* $field:ident : Vec<$ty:ty>, $($rest:tt)*) => {
        content!(@munch [$($meta)*] $name $input [$($done)*
            $(#[$fmeta])*
            #[serde(deserialize_with = "crate::parse::list", skip_serializing_if = "Vec::is_empty")]
            #[cfg_attr(feature = "graphql", graphql(default))]
            pub $field: Vec<$ty>,
        ] $($rest)*);
    };
    (@munch [$($meta:tt)*] $name:ident $input:tt [$($done:tt)*]) => {
        $($meta)*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject, async_graphql::InputObject))]
        #[cfg_attr(feature = "graphql", graphql(input_name = $input))]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($done)* }
    };
}

/// Declares a value set: an enum with the wire word of each value (content specification, sections
/// 2 to 6). An unknown word is an error which names the allowed ones.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "graphql", derive(async_graphql::Enum))]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word used in JSON and stored documents.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        /// Words for people: the wire word with spaces instead of underscores.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.as_str().replace('_', " "))
            }
        }
    };
}
