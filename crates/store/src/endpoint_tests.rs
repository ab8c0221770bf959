//! Tests of endpoints: deliveries that nobody is asked anything by.

use liaison_domain::EndpointId;

use crate::{args, conn::Conn, deliveries::DeliveryRow, error::Result, sql::sql};

sql! {
    LIST = "select * from delivery where endpoint_id = $1 and purpose = 'ENDPOINT_TEST'
        order by created_at desc, id desc limit $2";
}

/// The tests of an endpoint, newest first.
pub async fn list(conn: &mut Conn, endpoint: EndpointId, limit: u32) -> Result<Vec<DeliveryRow>> {
    conn.all(LIST, args![endpoint, limit]).await
}
